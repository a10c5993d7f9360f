//! Brings the spool to the disk while the run goes on, on a thread of its own: a disk may take its time, and neither
//! those who send nor those who record shall wait for it.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::SharedSpool;

/// From one time that everything is brought to the disk to the next, unless the disk takes longer: half of the second
/// that the power's going may cost.
const PERIOD: Duration = Duration::from_millis(500);

/// Brings what the spool has to the disk every half second, until `over`.
pub async fn keep_on_disk(spool: SharedSpool, over: CancellationToken) {
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => return,
            _ = tick.tick() => {}
        }
        let pending = {
            let mut writer = spool.writer();
            // A spool that can take no more has told so to those who record.
            let _ = writer.flush();
            writer.unsynced()
        };
        // Nobody waits for the lock while the disk works.
        if let Some(pending) = pending {
            let outcome = pending.sync();
            spool.writer().synced(&pending, outcome);
        }
    }
}
