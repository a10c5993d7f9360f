#!/usr/bin/env python3
"""Runs the same configurations on upstream's inference-perf and on ours, against our simulator, and compares what they
write: files, trees with the order and the types of their keys, counts, and times within tolerances.

Usage: oracle.py OURS ORACLE [CASE...]. Needs a Python with PyYAML, for example the one that upstream is installed in.
Every difference is either one of the documented deviations (FIXES) or counts as unexplained and makes it fail.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

# Files that only ours writes.
OWN_FILES = {"capacity.json", "manifest.json", "report.html"}
# Deviations on purpose: file pattern, path pattern, what differs, which fix of the documented defects it is.
FIXES = [
    (r".*", r".*/failures/prompt_tokens/.*", "value", "R15: failures have their prompt tokens"),
    (r".*", r".*(normalized_time_per_output_token|/ntpot_attainment_percentage).*", "value", "R5: no tokens, no NTPOT"),
    (r"adapter_.*", r"/load_summary/count", "value", "L2: the choice of an adapter follows the seed"),
    (r".*", r".*/load_summary/schedule_delay/.*", "value", "pacing: the timer is finer"),
    (r".*lifecycle.*", r".*/time_to_first_token.*", "kind", "R4: TTFT from one token on"),
    (r".*", r".*/(time_per_output_token|inter_token_latency).*", "k.*", "R3: the messages API has token times"),
    (r".*", r".*/(server_usage|client_fallback_requests/.*)", ".*", "R23: usage of whole answers of the messages API"),
    (r"summary_.*", r"/(benchmark_time_seconds|successes/throughput/.*)", "value",
     "R20: the window holds the pauses between stages, longer there"),
    (r"inference-perf\.partial.*", r".*/latency/time_to_first_token.*", ".*", "R4: TTFT from one token on"),
    (r"config\.yaml", r"/load/(num_workers|base_seed|worker_max_concurrency|stages.*)", ".*", "own seeds and workers"),
    (r"config\.yaml", r"/(api/headers|server/api_key|tokenizer/token).*", "value", "R11: secrets are masked"),
    (r"config\.yaml", r"/data/(input|output)_distribution/total_count", ".*", "sizes grow on demand"),
    (r"config\.yaml", r"/storage/.*", "value", "another folder"),
    (r"config\.yaml", r"/extensions.*", ".*", "extensions"),
    (r"validation\.json", r".*/(warnings|errors).*", ".*", "own wording of findings, upstream's false errors left out"),
]
# Numbers that depend on the clock, with the share and the absolute difference that is allowed.
LOOSE = [
    (r".*(latency|time_per_output_token|time_to_first_token)/.*/(mean|median|p50)$", 0.35, 0.015),
    (r".*/(benchmark_time_seconds|send_duration)$", 0.35, 0.5),
    (r".*(_per_sec|_rate/mean|achieved_rate)$", 0.35, 0.5),
    (r".*goodput.*", 0.35, 1.0),
]
# Numbers that are the same in both programs.
EXACT = re.compile(
    r".*/(count|total_requests|requested_rate|concurrency|token_count_mismatches|prompt|output|requests_retried|"
    r"attempts|recovered|failed_after_retry|total|failures)$"
)
# Where the lengths are drawn at random, or errors are, sums differ.
RANDOM = re.compile(r".*(prompt_tokens|output_tokens|output_len|request_size_bytes|(input|output)_length|by_label|failures|successes).*")


def case(simulator=(), random=False, **config):
    return {"simulator": list(simulator), "random": random, "config": config}


def load(rate=10, duration=3, kind="constant", **more):
    return {"type": kind, "interval": 1, "num_workers": 1, "base_seed": 7,
            "stages": [{"rate": rate, "duration": duration}, {"rate": rate * 2, "duration": duration}], **more}


FIXED = {"min": 20, "max": 20, "mean": 20, "std_dev": 0}
COMPLETION = {"type": "completion", "streaming": True}
CHAT = {"type": "chat", "streaming": True}
MESSAGES = {"type": "anthropic_messages", "streaming": True}
UNARY = {"type": "completion", "streaming": False}
MOCK = {"type": "mock"}
RANDOM_DATA = {"type": "random", "input_distribution": FIXED, "output_distribution": FIXED}
SYNTHETIC = {**RANDOM_DATA, "type": "synthetic"}
ALL = {"request_lifecycle": {"per_request": True, "per_request_fields": {"computed_metrics": True}}}
GOODPUT = {**ALL, "goodput": {"constraints": {"ttft": 0.5, "tpot": 0.1, "itl": 0.1, "ntpot": 0.1, "request_latency": 5}}}
CLOSED = {"type": "concurrent", "num_workers": 1,
          "stages": [{"num_requests": 20, "concurrency_level": 4}, {"num_requests": 20, "concurrency_level": 8}]}
CASES = {
    "completion-streaming": case(api=COMPLETION, data=SYNTHETIC, load=load()),
    "completion-unary": case(api=UNARY, data=SYNTHETIC, load=load()),
    "mock": case(api=COMPLETION, data=MOCK, load=load()),
    "random": case(api=COMPLETION, data=RANDOM_DATA, load=load()),
    "poisson": case(api=COMPLETION, data=SYNTHETIC, load=load(kind="poisson"), random=True),
    "concurrent": case(api=COMPLETION, data=SYNTHETIC, load=CLOSED),
    "goodput": case(api=COMPLETION, data=SYNTHETIC, load=load(), report=GOODPUT),
    "goodput-headers": case(api={**COMPLETION, "headers": {"x-slo-ttft-ms": "500", "X-SLO-TPOT-ms": "100"}},
                            data=SYNTHETIC, load=load()),
    "errors": case(["--error-rate", "0.3"], api=COMPLETION, data=SYNTHETIC, load=load(), random=True),
    "all-errors": case(["--error-rate", "1"], api=COMPLETION, data=SYNTHETIC, load=load()),
    "retries": case(["--error-rate", "0.3"], api=COMPLETION, data=SYNTHETIC, random=True,
                    load=load(request_retries=2, request_retry_backoff_sec=0.01)),
    "no-usage": case(["--usage", "never"], api=COMPLETION, data=SYNTHETIC, load=load()),
    "multi-token-chunks": case(["--tokens-per-chunk", "4"], api=COMPLETION, data=SYNTHETIC, load=load()),
    "server-tokens": case(["--tokens-per-chunk", "4"], api=COMPLETION, data=SYNTHETIC, load=load(),
                          report={"request_lifecycle": {**ALL["request_lifecycle"], "use_server_output_tokens": True}}),
    "one-token": case(api=COMPLETION, load=load(),
                      data={**SYNTHETIC, "output_distribution": {"min": 1, "max": 1, "mean": 1, "std_dev": 0}}),
    "percentiles": case(api=COMPLETION, data=SYNTHETIC, load=load(),
                        report={"request_lifecycle": {"percentiles": [50, 12.5, 99.99]}}),
    "chat-streaming": case(api=CHAT, data=MOCK, load=load()),
    "chat-unary": case(api={**CHAT, "streaming": False}, data=MOCK, load=load()),
    "messages-streaming": case(api=MESSAGES, data=MOCK, load=load()),
    "messages-unary": case(api={**MESSAGES, "streaming": False}, data=MOCK, load=load()),
    "lora": case(["--lora", "a", "--lora", "b"], api=COMPLETION, data=SYNTHETIC,
                 load=load(lora_traffic_split=[{"name": "a", "split": 0.5}, {"name": "b", "split": 0.5}]), random=True,
                 report={"request_lifecycle": {"per_adapter_stage": True}}),
    "no-tokenizer": {**case(api=COMPLETION, data=MOCK, load=load()), "tokenizer": False},
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def simulate(ours, arguments, tokenizer, log):
    port = free_port()
    command = [ours, "simulate", "--port", str(port), "--tokenizer", str(tokenizer), "--model", str(tokenizer)]
    server = subprocess.Popen([*command, *arguments], stdout=log, stderr=log)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.1)
    server.terminate()
    raise SystemExit("the simulator does not listen")


def run(program, case, folder, tokenizer, port):
    config = {"report": ALL, **case["config"]}
    config["server"] = {"type": "vllm", "model_name": str(tokenizer), "base_url": f"http://127.0.0.1:{port}",
                        "ignore_eos": True}
    if case.get("tokenizer", True):
        config["tokenizer"] = {"pretrained_model_name_or_path": str(tokenizer)}
    config["storage"] = {"local_storage": {"path": str(folder / "results")}}
    folder.mkdir(parents=True)
    (folder / "config.yml").write_text(json.dumps(config))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([program, "--config_file", str(folder / "config.yml")], cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
    (folder / "log").write_text(done.stdout)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        return None, (lines or ["nothing was said"])[-1][:110]
    return folder / "results", done.stdout


def read(folder):
    trees = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in OWN_FILES:
            text = path.read_text()
            trees[path.name] = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    return trees


def without_extensions(tree):
    if isinstance(tree, dict):
        return {key: without_extensions(value) for key, value in tree.items() if key != "extensions"}
    return [without_extensions(value) for value in tree] if isinstance(tree, list) else tree


def kind(value):
    return type(value).__name__ if value is not None else "null"


def compare(theirs, ours, path, found):
    """Appends (path, "keys"|"order"|"kind"|"value", text) for what differs."""
    if kind(theirs) != kind(ours):
        found.append((path, "kind", f"{kind(theirs)} there, {kind(ours)} here"))
    elif isinstance(theirs, dict):
        for key in [key for key in theirs if key not in ours]:
            found.append((f"{path}/{key}", "keys", "missing here"))
        for key in [key for key in ours if key not in theirs]:
            found.append((f"{path}/{key}", "keys", "missing there"))
        both = [key for key in theirs if key in ours]
        if both != [key for key in ours if key in theirs]:
            found.append((path, "order", "keys in another order"))
        for key in both:
            compare(theirs[key], ours[key], f"{path}/{key}", found)
    elif isinstance(theirs, (int, float)) and not isinstance(theirs, bool):
        if EXACT.match(path) and theirs != ours:
            found.append((path, "value", f"{theirs} there, {ours} here"))
        for pattern, share, absolute in LOOSE:
            if re.match(pattern, path) and abs(theirs - ours) > max(share * abs(theirs), absolute):
                found.append((path, "value", f"{theirs:.4g} there, {ours:.4g} here"))
                break
    elif theirs != ours and not isinstance(theirs, list):
        found.append((path, "value", f"{str(theirs)[:40]!r} there, {str(ours)[:40]!r} here"))


def differences(theirs, ours, random):
    found = []
    for name in sorted(theirs.keys() ^ ours.keys()):
        found.append((name, "/", "keys", "only there" if name in theirs else "only here"))
    for name in sorted(theirs.keys() & ours.keys()):
        there, here = theirs[name], without_extensions(ours[name])
        if name == "per_request_lifecycle_metrics.json":
            if len(there) != len(here):
                found.append((name, "/", "value", f"{len(there)} entries there, {len(here)} here"))
            for label, is_error in (("success", False), ("failure", True)):
                pair = [next((e for e in entries if (e["error"] is not None) == is_error), None)
                        for entries in (there, here)]
                if None not in pair:
                    shapes = []
                    compare(*pair, f"/{label}", shapes)
                    # Times and texts of one request are its own.
                    found += [(name, *it) for it in shapes if it[1] != "value"]
            continue
        pairs = []
        compare(there, here, "", pairs)
        for path, what, text in pairs:
            if name.startswith("inference-perf.partial") and path.startswith("/run/"):
                continue
            if not (random and what != "order" and RANDOM.match(path)):
                found.append((name, path, what, text))
    return found


def fix_of(name, path, what):
    for file, pattern, of, fix in FIXES:
        if re.fullmatch(file, name) and re.fullmatch(pattern, path) and re.fullmatch(of, what):
            return fix
    return None


def markers(log):
    return [line for line in log.splitlines() if re.fullmatch(r"=== (START|END)_\w+ ===", line)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("ours")
    arguments.add_argument("oracle")
    arguments.add_argument("cases", nargs="*", metavar="case", help=", ".join(CASES))
    arguments = arguments.parse_args()
    ours, oracle = (str(Path(program).resolve()) for program in (arguments.ours, arguments.oracle))
    failed, rows = False, []
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(os.environ.get("ORACLE_WORK", scratch))
        tokenizer = work / "tokenizer"
        subprocess.run([ours, "simulate", "--write-tokenizer", str(tokenizer)], check=True, stdout=subprocess.DEVNULL)
        for name in arguments.cases or CASES:
            case = CASES[name]
            with open(work / f"{name}.simulator.log", "w") as log:
                server, port = simulate(ours, case["simulator"], tokenizer, log)
                try:
                    there = run(oracle, case, work / name / "theirs", tokenizer, port)
                    here = run(ours, case, work / name / "ours", tokenizer, port)
                finally:
                    server.terminate()
                    server.wait()
            if there[0] is None or here[0] is None:
                failed |= here[0] is None
                for who, (folder, text) in (("upstream", there), ("ours", here)):
                    if folder is None:
                        rows.append((name, "-", "-", f"{who} failed: {text}"))
                continue
            found = differences(read(there[0]), read(here[0]), case["random"])
            if markers(there[1]) != markers(here[1]):
                found.append(("stdout", "markers", "value", "other marker lines"))
            explained = {}
            unexplained = []
            for file, path, what, text in found:
                fix = fix_of(file, path, what)
                if fix:
                    explained[fix] = explained.get(fix, 0) + 1
                else:
                    unexplained.append(f"{file}{path}: {what}: {text}")
            failed |= bool(unexplained)
            fixes = "; ".join(f"{fix} ({count})" for fix, count in explained.items())
            rows.append((name, str(len(found)), str(len(unexplained)), fixes))
            print(f"{name}: {len(found)} differences, {len(unexplained)} unexplained", flush=True)
            for line in unexplained:
                print(f"  {line}", flush=True)
    print("\n| case | differences | unexplained | explained by |\n| --- | --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
