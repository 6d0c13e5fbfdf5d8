#!/usr/bin/env python3
"""Reads a run's event files with TensorBoard's own reader and compares them with its trainer_log.jsonl.

    pip install tensorboard setuptools
    python scripts/check_tensorboard.py OUTPUT_DIR [LOGGING_DIR]

OUTPUT_DIR is that of a finished run with `report_to: tensorboard`; LOGGING_DIR the folder of its event files where the run was given one,
otherwise all folders under OUTPUT_DIR/runs are read, in the order of their times, as one run. Ends with status 1 when anything differs.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

# What the log calls the curves.
NAMES = {"loss": "train/loss", "lr": "train/learning_rate", "grad_norm": "train/grad_norm", "eval_loss": "eval/loss"}


def single(value):
    """A double as the float32 that an event holds."""
    return struct.unpack("f", struct.pack("f", value))[0]


def read(folder):
    """TensorBoard's view of a folder."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    return events


def main():
    """Compares, and says what differs."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    output = Path(sys.argv[1])
    folders = [Path(sys.argv[2])] if len(sys.argv) == 3 else sorted((output / "runs").iterdir(), key=lambda folder: folder.stat().st_mtime)
    problems = []
    curves = {}
    for folder in folders:
        events = read(folder)
        for tag in events.Tags()["scalars"]:
            points = curves.setdefault(tag, {})
            points.update({point.step: point.value for point in events.Scalars(tag)})
        text = events.Tensors("args/text_summary")[0].tensor_proto.string_val[0].decode()
        if "```yaml" not in text:
            problems.append(f"{folder}: the configuration is not there as a text")
        content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        print(f"{folder}: {len(events.Tags()['scalars'])} curves, {len(settings)} settings, "
              f"learning_rate {settings['learning_rate'].number_value}")
    expected = {}
    for line in (output / "trainer_log.jsonl").read_text().splitlines():
        line = json.loads(line)
        for key, tag in NAMES.items():
            if key in line and line[key] is not None:
                expected.setdefault(tag, {})[line["current_steps"]] = single(line[key])
    for tag, points in expected.items():
        if curves.get(tag) != points:
            problems.append(f"{tag}: {len(curves.get(tag, {}))} points of the {len(points)} logged, or other values")
        print(f"{tag}: {len(points)} points")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems or not expected else 0)


if __name__ == "__main__":
    main()
