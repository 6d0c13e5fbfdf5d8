#!/usr/bin/env python3
"""Drives the board in headless Chromium as a user would, and says what does not hold.

    apt-get install chromium; pip install websockets
    python scripts/check_board.py .build/debug/lockstep [--pictures FOLDER] [--steps N]

A tiny model is trained in a temporary folder: data and command are previewed, a run on two ranks is started, the page is
reloaded, a second page looks on, the run is saved and stopped, a checkpoint is verified and gone on from, the server is started anew,
two runs are laid over each other, a form is saved and loaded, the result is chatted with and exported. Ends with status 1 when anything
fails, when the page logs an error, or when a request goes to another host.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "board"))
from browser import Browser
from folder import write_data, write_model


class Server:
    """`lockstep webui` in a folder; its lines are kept."""

    def __init__(self, program, folder, port=0):
        environment = os.environ | {"API_PORT": str(port), "OMPI_MCA_mpi_yield_when_idle": "1"}
        self.process = subprocess.Popen([program, "webui"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.ready = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if not self.ready.wait(60):
            sys.exit(f"the board does not start: {self.lines}")

    def read(self):
        """Keeps lines until the server ends, and finds its address."""
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"http://[^ ]+", line):
                self.url = found[0].rstrip("/\n")
                self.ready.set()
        self.ready.set()

    def stop(self):
        """Ends the server; runs go on."""
        self.process.terminate()
        self.process.wait(20)


class Check:
    """The steps of the drive, in their order."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.server = Server(options.program, folder)
        self.browser = Browser()
        self.page = self.browser.open("about:blank")
        self.page.size(1280, 900)
        self.page.go(self.server.url + "/")
        self.pages = [self.page]

    def told(self, what):
        """A step that held."""
        print(f"ok  {what}", flush=True)

    def picture(self, name, whole=False):
        """A photograph for those who look."""
        if self.options.pictures:
            self.page.picture(Path(self.options.pictures) / f"{name}.png", whole)

    def state(self, page, *words):
        """Waits until the run that is shown is in one of some states."""
        page.until(f"[{', '.join(map(repr, words))}].includes(runState?.state)", 240)

    def fill_form(self):
        """The form of a short run."""
        page = self.page
        page.until("document.querySelector('[data-field]') && board")
        fields = {
            "top.model_path": "model", "top.finetuning_type": "full", "top.template": "qwen", "train.dataset": "sums",
            "train.cutoff_len": "192", "train.batch_size": "4", "train.gradient_accumulation_steps": "1", "train.learning_rate": "1e-2",
            "train.max_steps": str(self.options.steps), "train.logging_steps": "1", "train.save_steps": "1000", "train.val_size": "8",
            "train.eval_steps": "10", "train.device_count": "2", "train.threads_per_rank": "1",
            "train.extra_args": '{"train_from_scratch": true}',
        }
        for name, value in fields.items():
            page.fill(f'[data-field="{name}"]', value)
        page.fill("#name-train", "first")

    def previews(self):
        """What the form gives, before anything is written."""
        page = self.page
        page.click("#train-preview")
        text = page.until("document.querySelector('#shown[open]')?.textContent")
        assert "mpirun" in text and "learning_rate: 0.01" in text, text
        assert not page.run("document.querySelector('#shown .problem')"), text
        self.picture("command")
        page.click("#shown-close")
        page.click("#train-data")
        marked = page.until("[...document.querySelectorAll('#shown mark')].map(e => e.textContent).join('|')")
        assert " is " in marked and "What" not in marked, marked
        self.picture("data")
        page.click("#shown-close")
        assert not (self.folder / "saves").exists()
        self.told("command and data are previewed, the answers alone are marked as learned, nothing is written")

    def run(self):
        """A run that two pages look at."""
        page = self.page
        self.picture("train")
        page.click("#train-start")
        page.until("runSteps.length > 3 && document.querySelectorAll('figure').length >= 3", 240)
        page.send("Page.reload")
        page.until("typeof runSteps !== 'undefined' && runSteps.length > 3 && shownRun === 'first'", 60)
        assert page.run("runSteps[0].current_steps") == 1
        other = self.browser.open(self.server.url + "/#tab=runs&run=first")
        self.pages.append(other)
        other.until("typeof runSteps !== 'undefined' && runSteps.length > 3", 60)
        self.told("a run of two ranks is started; a reload and a second page show it whole")
        self.picture("run", True)
        page.click("#stop")
        self.state(page, "stopped")
        self.state(other, "stopped")
        page.until("runCheckpoints.length === 1")
        self.told("it is saved and stopped, and both pages say so")

    def go_on(self):
        """Verification, a new server, and the rest of the run."""
        page = self.page
        step = page.run("runCheckpoints[0].step")
        page.click("#checkpoint-rows button:nth-of-type(2)")
        page.until("runCheckpoints[0].verified === true", 60)
        port = int(self.server.url.rsplit(":", 1)[1])
        self.server.stop()
        self.server = Server(self.options.program, self.folder, port)
        page.send("Page.reload")
        page.until("typeof runCheckpoints !== 'undefined' && runCheckpoints[0]?.verified === true", 60)
        page.click("#checkpoint-rows button:nth-of-type(1)")
        self.state(page, "running")
        self.state(page, "finished")
        steps = page.run("runSteps.filter(s => s.loss != null).map(s => s.current_steps)")
        assert steps == list(range(1, self.options.steps + 1)), steps
        self.told(f"step {step} is verified; after a new start of the server the run goes on from it, no step twice")

    def compare(self):
        """A saved form, a second run, both curves."""
        page = self.page
        page.click("#tab-train")
        page.click("#train-saveForm")
        page.fill("#save-name", "mine")
        page.click("#save-now")
        page.until("document.getElementById('notice').textContent.includes('mine.yaml')")
        page.fill('[data-field="train.learning_rate"]', "1")
        page.click("#train-loadForm")
        page.click("#shown-body button")
        page.until("document.querySelector('[data-field=\"train.learning_rate\"]').value === '1e-2'")
        page.fill('[data-field="train.learning_rate"]', "3e-3")
        page.fill('[data-field="train.device_count"]', "1")
        page.fill("#name-train", "second")
        page.click("#train-start")
        page.until("shownRun === 'second'")
        self.state(page, "finished")
        page.until("document.querySelectorAll('#run-rows input').length === 2")
        page.run("[...document.querySelectorAll('#run-rows input')].find(e => e.ariaLabel.endsWith('first')).click()")
        page.until("document.querySelector('figure .legend').children.length === 2")
        self.picture("overlay", True)
        self.told("a form is saved and loaded; two runs lie over each other")

    def use(self):
        """Chat and export."""
        page = self.page
        page.click("#chat-with")
        page.until("document.getElementById('loaded').textContent.includes('second')", 120)
        page.fill("#chat-tokens", "24")
        page.fill("#message", "What is 2 + 3?")
        page.click("#ask button.main")
        page.until("turns.length === 2 && turns[1].content.length > 0", 120)
        self.picture("chat")
        self.told(f"the result answers: {page.run('turns[1].content')!r}")
        page.click("#tab-runs")
        page.click("#export-it")
        page.until("place.get('tab') === 'export'")
        page.fill('[data-field="export.export_dir"]', "exported")
        page.fill("#name-export", "third")
        page.click("#export-start")
        page.until("shownRun === 'third'")
        self.state(page, "finished")
        assert (self.folder / "exported" / "model.safetensors").exists()
        self.told("it is exported")

    def look(self):
        """Narrow, Chinese, by the keyboard."""
        page = self.page
        page.size(390, 800)
        page.run("document.getElementById('tab-runs').focus()")
        page.key("ArrowRight")
        page.until("place.get('tab') === 'train' && document.activeElement.id === 'tab-train'")
        page.fill("#language", "zh")
        page.until("document.getElementById('tab-train').textContent === '训练'")
        wide = page.run("document.documentElement.scrollWidth > innerWidth")
        assert not wide, "the page is wider than a narrow screen"
        unnamed = page.run(
            "[...document.querySelectorAll('input,select,textarea,button')].filter(e => !(e.ariaLabel || e.textContent.trim()"
            " || e.labels?.[0]?.textContent.trim())).map(e => e.id || e.outerHTML)")
        assert not unnamed, unnamed
        self.picture("narrow")
        self.told("arrows move between tabs, every field has a name, Chinese fits a narrow screen")

    def close(self):
        """What the pages told besides, and the end."""
        problems = [problem for page in self.pages for problem in page.problems if "ERR_CONNECTION_REFUSED" not in problem
                    and "ERR_INCOMPLETE_CHUNKED" not in problem and "ERR_EMPTY_RESPONSE" not in problem]
        hosts = set().union(*(page.hosts for page in self.pages)) - {self.server.url.split("/")[2]}
        self.browser.close()
        self.server.stop()
        assert not problems, problems
        assert not hosts, hosts
        self.told("no error in the console, no request to another host")


def main():
    """Runs all steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--pictures")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    options.program = str(Path(options.program).resolve())
    if options.pictures:
        Path(options.pictures).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "model")
        write_data(folder / "data")
        check = Check(options, folder)
        try:
            for step in (check.fill_form, check.previews, check.run, check.go_on, check.compare, check.use, check.look):
                step()
        except (AssertionError, TimeoutError) as error:
            print(f"FAILED {error}\n{check.page.run('document.getElementById(`notice`).textContent')}\n{check.page.problems}")
            for path in sorted(folder.glob("saves/**/running_log.txt")):
                print(f"--- {path.relative_to(folder)}\n{path.read_text()[-1500:]}")
            print("".join(check.server.lines[-5:]))
            check.picture("failed", True)
            check.browser.close()
            check.server.stop()
            sys.exit(1)
        check.close()


if __name__ == "__main__":
    main()
