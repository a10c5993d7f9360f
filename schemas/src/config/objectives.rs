//! Latency objectives that every request carries in its headers, as serving gateways read them.

use super::Api;
use crate::record::Objectives;

/// A header whose value is no objective.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadObjective {
    /// Name of the header. Its value is not shown: headers may be secret.
    pub header: String,
}

impl Api {
    /// The objectives in `headers`, and the headers that should hold one but do not.
    ///
    /// Their names are `slo_ttft_header` and `slo_tpot_header`, case ignored; a value counts in `slo_unit`, `ms` if not
    /// given. Any other unit than `s`, `ms` and `us` is taken as seconds, as upstream has it. The value `default` leaves
    /// the objective to the server.
    pub fn objectives(&self) -> (Option<Objectives>, Vec<BadObjective>) {
        let unit = self.slo_unit.as_deref().unwrap_or("ms");
        let units_per_second = match unit.to_ascii_lowercase().as_str() {
            "ms" => 1e3,
            "us" => 1e6,
            _ => 1.0,
        };
        let mut bad = Vec::new();
        let mut read = |name: Option<&str>, default: &str| -> Option<f64> {
            let name = name.map_or_else(|| format!("{default}-{unit}"), str::to_owned);
            let headers = self.headers.iter().flatten();
            // Of several that differ only in case, the last one is sent.
            let (header, value) = headers.filter(|(header, _)| header.eq_ignore_ascii_case(&name)).last()?;
            let value = value.expose().trim();
            if value == "default" {
                return None;
            }
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite());
            if number.is_none() {
                bad.push(BadObjective { header: header.clone() });
            }
            number.map(|number| number / units_per_second)
        };
        let objectives = Objectives {
            ttft_seconds: read(self.slo_ttft_header.as_deref(), "x-slo-ttft"),
            tpot_seconds: read(self.slo_tpot_header.as_deref(), "x-slo-tpot"),
        };
        ((objectives != Objectives::default()).then_some(objectives), bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn api(headers: &[(&str, &str)], unit: Option<&str>) -> Api {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
        Api { headers: Some(headers.collect()), slo_unit: unit.map(str::to_owned), ..Api::default() }
    }

    fn both(ttft: f64, tpot: f64) -> Option<Objectives> {
        Some(Objectives { ttft_seconds: Some(ttft), tpot_seconds: Some(tpot) })
    }

    #[test]
    fn names_and_units() {
        let headers = [("X-SLO-TTFT-ms", "1500"), ("x-slo-tpot-MS", "50")];
        assert_eq!(api(&headers, None).objectives(), (both(1.5, 0.05), Vec::new()));
        assert_eq!(api(&headers, Some("s")).objectives(), (None, Vec::new()), "x-slo-ttft-s is looked for");
        let headers = [("x-slo-ttft-s", "1.5"), ("x-slo-tpot-s", "0.05")];
        assert_eq!(api(&headers, Some("s")).objectives().0, both(1.5, 0.05));
        let named = Api {
            slo_ttft_header: Some("X-First".to_owned()),
            slo_tpot_header: Some("x-next".to_owned()),
            ..api(&[("x-first", "2000"), ("X-Next", "500")], Some("us"))
        };
        assert_eq!(named.objectives().0, both(0.002, 0.0005));
        let odd = api(&[("x-slo-ttft-min", "2")], Some("min"));
        assert_eq!(odd.objectives().0, Some(Objectives { ttft_seconds: Some(2.0), tpot_seconds: None }));
    }

    #[test]
    fn no_objective() {
        assert_eq!(Api::default().objectives(), (None, Vec::new()));
        assert_eq!(api(&[("x-slo-ttft-ms", "default")], None).objectives(), (None, Vec::new()));
        let (objectives, bad) = api(&[("x-slo-ttft-ms", "fast"), ("x-slo-tpot-ms", "9")], None).objectives();
        assert_eq!(objectives, Some(Objectives { ttft_seconds: None, tpot_seconds: Some(0.009) }));
        assert_eq!(bad, [BadObjective { header: "x-slo-ttft-ms".to_owned() }]);
    }
}
