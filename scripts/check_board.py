#!/usr/bin/env python3
"""Drives the board in headless Chromium as a user would, and says what does not hold.

    apt-get install chromium; pip install websockets
    python scripts/check_board.py .build/release/lockstep [--pictures FOLDER] [--steps N] [--chat-model PATH]

A tiny model is trained in a temporary folder: data and command are previewed, a run on two ranks is started, the page is
reloaded, a second page looks on, the run is saved and stopped, a checkpoint is verified and gone on from, the server is started anew,
two runs are laid over each other, a form is saved and loaded, the result is chatted with, exported and tried on a task; then the page
of `webchat`. Ends with status 1 when anything fails, when a page logs an error, when a request goes to another host, when a field has no name
or a text has too little contrast, light or dark. --chat-model loads another model for the pictures of chats.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "board"))
from browser import Browser
from folder import write_data, write_model, write_task


class Server:
    """`lockstep webui`, or another command that serves, in a folder; its lines are kept."""

    def __init__(self, program, folder, port=0, command=("webui",)):
        environment = os.environ | {"API_PORT": str(port), "OMPI_MCA_mpi_yield_when_idle": "1"}
        self.process = subprocess.Popen([program, *command], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.ready = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        if not self.ready.wait(60):
            sys.exit(f"the server does not start: {self.lines}")

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
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


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
        self.hosts = set()
        self.servers = []

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
        for stage, dataset, learned in (("DPO", "pairs", "It is 1."), ("Pre-Training", "lines", "0 and 1 are 1"), ("GRPO", "sums", "")):
            page.fill('[data-field="train.training_stage"]', stage)
            page.fill('[data-field="train.dataset"]', dataset)
            page.fill('[data-field="train.grpo_reward"]', "numeric")
            page.fill('[data-field="train.grpo_num_generations"]', "4")
            page.click("#train-data")
            page.until("document.querySelectorAll('#shown[open] .sample').length")
            marked = page.run("document.querySelector('#shown mark')?.textContent || ''")
            assert marked.startswith(learned) and bool(marked) == bool(learned), f"{stage}: {marked}"
            page.click("#shown-close")
        page.fill('[data-field="train.training_stage"]', "Supervised Fine-Tuning")
        page.fill('[data-field="train.dataset"]', "sums")
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
        self.told(f"the result answers: {page.run('turns[1].content')!r}")
        if self.options.chat_model:
            page.click("#clear")
            page.fill('[data-field="top.model_path"]', self.options.chat_model)
            page.fill('[data-field="top.template"]', "")
            page.click("#load")
            page.until("!document.getElementById('loaded').textContent.includes('second')"
                       " && document.getElementById('loaded').textContent.startsWith('loaded')", 240)
            page.fill("#chat-tokens", "64")
            page.fill("#chat-temperature", "0")
            for number, question in enumerate(("What is the capital of France?", "And of Italy?")):
                page.fill("#message", question)
                page.click("#ask button.main")
                page.until(f"turns.length === {2 * number + 2} && !answering", 240)
        self.picture("chat")
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

    def try_tasks(self):
        """The result on a task of `lockstep eval`."""
        page = self.page
        page.click("#tab-evaluate")
        page.fill('[data-field="eval.kind"]', "tasks")
        page.fill('[data-field="eval.task"]', "piqa")
        page.fill("#name-evaluate", "tried")
        self.picture("evaluate")
        page.click("#evaluate-start")
        page.until("shownRun === 'tried'")
        self.state(page, "finished")
        page.until("document.getElementById('log').textContent.includes('|piqa')")
        assert list((self.folder / "saves" / "tried" / "results").glob("results_*.json"))
        self.told("it is tried on a task, whose table stands in the log")

    def names_and_contrast(self, page, place):
        """Every field has a name, every text a contrast of 4.5, light and dark."""
        assert not page.unnamed(), page.unnamed()
        for scheme in ("light", "dark"):
            page.scheme(scheme)
            assert not page.faint(), f"{place}, {scheme}: {page.faint()}"
        page.scheme("light")

    def look(self):
        """Narrow, Chinese, by the keyboard; names and contrast."""
        page = self.page
        for tab in ("train", "evaluate", "chat", "export", "runs"):
            page.click(f"#tab-{tab}")
            page.run("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
            self.names_and_contrast(page, tab)
        page.scheme("dark")
        self.picture("dark", True)
        page.scheme("light")
        self.told("every field has a name, every text a contrast of 4.5 to 1 or more, light and dark")
        page.size(390, 800)
        page.run("document.getElementById('tab-runs').focus()")
        page.key("ArrowRight")
        page.until("place.get('tab') === 'train' && document.activeElement.id === 'tab-train'")
        page.fill("#language", "zh")
        page.until("document.getElementById('tab-train').textContent === '训练'")
        for tab in ("train", "evaluate", "chat", "export", "runs"):
            page.run(f"show('{tab}')")
            wide = page.run("document.documentElement.scrollWidth > innerWidth")
            assert not wide, f"{tab} is wider than a narrow screen"
        page.run("show('train')")
        page.run("document.querySelectorAll('details').forEach((e) => { e.open = false; })")
        self.picture("narrow")
        self.told("arrows move between tabs, Chinese fits a narrow screen")

    def webchat(self):
        """The page of `lockstep webchat`."""
        model, template = (self.options.chat_model, "") if self.options.chat_model else ("saves/second", "template: qwen\n")
        (self.folder / "chat.yaml").write_text(f"model_name_or_path: {model}\n{template}temperature: 0\nmax_new_tokens: 64\n")
        server = Server(self.options.program, self.folder, command=("webchat", "chat.yaml"))
        page = self.browser.open(server.url.replace("localhost", "127.0.0.1") + "/")
        self.servers.append(server)
        self.pages.append(page)
        page.size(1280, 900)
        page.until("!!document.getElementById('send')")
        for number, question in enumerate(("Name three colours of the rainbow.", "And one that is not in it?")):
            page.fill("#question", question)
            page.click("#send")
            page.until(f"document.querySelectorAll('#log article').length === {2 * number + 2} && !running", 240)
        said = page.run("document.getElementById('log').textContent")
        page.picture(Path(self.options.pictures) / "webchat.png") if self.options.pictures else None
        self.names_and_contrast(page, "webchat")
        page.send("Page.reload")
        page.until(f"document.getElementById('log').textContent === {json.dumps(said)}")
        page.size(390, 800)
        page.click("#menu")
        page.run("document.getElementById('settings').open = true")
        self.names_and_contrast(page, "webchat's settings")
        page.click("#language")
        page.until("document.getElementById('send').textContent === '发送'")
        assert not page.run("document.documentElement.scrollWidth > innerWidth")
        self.hosts.add(server.url.replace("localhost", "127.0.0.1").split("/")[2])
        server.stop()
        self.told("webchat answers, keeps what was said over a reload, has names and contrast, and fits a narrow screen in Chinese")

    def close(self):
        """What the pages told besides, and the end."""
        problems = [problem for page in self.pages for problem in page.problems if "ERR_CONNECTION_REFUSED" not in problem
                    and "ERR_INCOMPLETE_CHUNKED" not in problem and "ERR_EMPTY_RESPONSE" not in problem]
        hosts = set().union(*(page.hosts for page in self.pages)) - self.hosts - {self.server.url.split("/")[2]}
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
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--chat-model")
    options = parser.parse_args()
    options.chat_model = options.chat_model and str(Path(options.chat_model).resolve())
    options.program = str(Path(options.program).resolve())
    if options.pictures:
        Path(options.pictures).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "model")
        write_data(folder / "data")
        write_task(folder / "evaluation" / "piqa")
        if options.chat_model:
            # Paths of a board lie in its folder.
            shutil.copy(options.chat_model, folder / Path(options.chat_model).name)
            options.chat_model = Path(options.chat_model).name
        check = Check(options, folder)
        try:
            for step in (check.fill_form, check.previews, check.run, check.go_on, check.compare, check.use,
                         check.try_tasks, check.look, check.webchat):
                step()
        except (AssertionError, TimeoutError, RuntimeError) as error:
            print(f"FAILED {error}\n{check.page.run('document.getElementById(`notice`).textContent')}\n{check.page.problems}")
            for path in sorted(folder.glob("saves/**/running_log.txt")):
                print(f"--- {path.relative_to(folder)}\n{path.read_text()[-1500:]}")
            print("".join(check.server.lines[-5:]))
            check.picture("failed", True)
            check.browser.close()
            for server in (check.server, *check.servers):
                server.stop()
            sys.exit(1)
        check.close()


if __name__ == "__main__":
    main()
