"""What the peers share: ranks under mpirun, timed steps, and a line of JSON with lockstep's names.

The ranks come from mpirun, as lockstep's do, so that both are bound to the same cores. They meet in
a file, since a port may be taken.
"""

import argparse
import contextlib
import json
import os
import resource
import sys
import time

import torch
import torch.distributed as dist


def options(description):
    """The options of every peer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", help="folder with config.json")
    parser.add_argument("--batch", type=int, default=2, help="samples of a rank in a step")
    parser.add_argument("--length", type=int, default=256, help="tokens of a sample")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--compile", action="store_true", help="torch.compile the model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5, help="counted steps, after one that is not")
    parser.add_argument("--meeting", help="a file that is not there yet, for more than one rank")
    return parser


def start(arguments):
    """Sets the threads and meets the other ranks → (rank, ranks)."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", 0))
    ranks = int(os.environ.get("OMPI_COMM_WORLD_SIZE", 1))
    if ranks > 1:
        if not arguments.meeting:
            raise SystemExit("--meeting: needed with more than one rank")
        if os.path.exists("/sys/class/net/lo"):
            # All ranks are here; the host's own name may not resolve.
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group(
            "gloo", init_method=f"file://{os.path.abspath(arguments.meeting)}", rank=rank,
            world_size=ranks)
    return rank, ranks


def distributed(model, ranks, compiled=False):
    """The model, under DistributedDataParallel where there is more than one rank, compiled if asked."""
    if ranks > 1:
        model = torch.nn.parallel.DistributedDataParallel(model)
    return torch.compile(model) if compiled else model


def peak_memory():
    """The most memory that this process has held, in bytes: VmHWM, as lockstep has it."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(arguments, ranks, model, optimizer, loss_of, vocabulary):
    """Times steps on random tokens and prints a line of JSON on rank 0.

    A step: forward, backward with gradients averaged over the ranks, clipping at norm 1, update.
    `loss_of` takes ids and targets of shape (batch, length).
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    cast = contextlib.nullcontext
    if arguments.dtype == "bf16":
        cast = lambda: torch.autocast("cpu", dtype=torch.bfloat16)  # noqa: E731
    times = []
    for step in range(arguments.steps + 1):
        ids, targets = torch.randint(0, vocabulary, (2, arguments.batch, arguments.length))
        begun = time.perf_counter()
        with cast():
            loss = loss_of(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - begun)
        if step == 0 and int(os.environ.get("OMPI_COMM_WORLD_RANK", 0)) == 0:
            print(f"first step {times[0]:.3f} s", file=sys.stderr, flush=True)
    counted = sorted(times[1:]) or times
    median = counted[len(counted) // 2]
    peak = torch.tensor([peak_memory()], dtype=torch.int64)
    if ranks > 1:
        dist.all_reduce(peak, op=dist.ReduceOp.MAX)
    if int(os.environ.get("OMPI_COMM_WORLD_RANK", 0)) == 0:
        print(json.dumps({
            "tokensPerSecond": ranks * arguments.batch * arguments.length / median,
            "medianStepSeconds": median, "peakMemory": peak.item(), "ranks": ranks,
            "threads": arguments.threads, "lastLoss": loss.item(), "torch": torch.__version__,
        }), flush=True)
    if ranks > 1:
        dist.destroy_process_group()
