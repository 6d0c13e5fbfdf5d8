extension BoardPage {
    /// The list of runs, and the run that is looked at: all from the server's word of the run's folder.
    static let runs = #"""
        let shownRun = null;    // its name
        let source = null;      // its events
        let runState = null;    // what a list shows of it
        let runSteps = [];      // lines of its trainer_log.jsonl
        let runCheckpoints = [];
        const compared = new Map();  // name → lines of trainer_log.jsonl

        const figure = (value, digits = 4) =>
          value == null ? "" : String(Number(Number(value).toPrecision(digits)));
        const bytes = (count) => count > 1e9 ? (count / 2 ** 30).toFixed(2) + " GiB"
          : (count / 2 ** 20).toFixed(1) + " MiB";

        async function listRuns() {
          let list;
          try {
            list = await ask("/board/api/runs");
          } catch (error) { say(error.message); return; }
          if (list.cut) say(t("tooMany"));
          $("no-runs").hidden = list.runs.length > 0;
          $("run-table").hidden = list.runs.length === 0;
          const focus = document.activeElement?.dataset?.focus;
          $("run-rows").replaceChildren(...list.runs.map((run) => {
            const check = make("input", { type: "checkbox", "aria-label": t("compare") + " " + run.name,
              "data-focus": "c " + run.name,
              onchange: (event) => compare(run.name, event.target.checked) });
            check.checked = compared.has(run.name);
            const open = make("button", { "data-focus": "o " + run.name,
              onclick: () => showRun(run.name) }, run.name);
            return make("tr", { "aria-current": run.name === shownRun ? "true" : null },
              make("td", {}, check), make("td", { class: "name" }, open),
              make("td", { class: "state " + run.state }, t(run.state)),
              make("td", {}, run.total ? `${run.step} / ${run.total}` : ""),
              make("td", {}, figure(run.loss)), make("td", {}, figure(run.eval_loss)),
              make("td", {}, figure(run.throughput)), make("td", {}, run.ranks ?? ""));
          }));
          if (focus) {
            [...document.querySelectorAll("[data-focus]")].find((e) => e.dataset.focus === focus)?.focus();
          }
        }

        async function compare(name, isOn) {
          if (isOn) {
            try {
              compared.set(name, await ask("/board/api/steps?run=" + encodeURIComponent(name)));
            } catch (error) { say(error.message); return; }
          } else compared.delete(name);
          remember({ compare: [...compared.keys()].join("|") });
          drawRun();
        }

        function showRun(name) {
          if (source) source.close();
          [shownRun, runState, runSteps, runCheckpoints] = [name, null, [], []];
          $("log").textContent = "";
          $("inspection").hidden = true;
          remember({ run: name });
          source = new EventSource("/board/api/events?run=" + encodeURIComponent(name));
          const on = (event, work) => source.addEventListener(event, (e) => work(JSON.parse(e.data)));
          on("steps", (news) => {
            runSteps = news.new ? news.lines : runSteps.concat(news.lines);
            drawCurves();
          });
          on("log", (news) => {
            const log = $("log");
            const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
            const text = (news.new ? "" : log.textContent) + news.text;
            log.textContent = text.slice(-20000);
            if (isAtEnd || news.new) log.scrollTop = log.scrollHeight;
          });
          on("state", (state) => {
            const isChanged = runState?.state !== state.state;
            runState = state;
            drawState();
            if (isChanged) listRuns();
          });
          on("checkpoints", (list) => { runCheckpoints = list; drawCheckpoints(); });
          source.onopen = () => { if ($("notice").textContent === t("connectionLost")) say(""); };
          source.onerror = () => say(t("connectionLost"));
          drawRun();
        }

        function drawRun() {
          $("shown-run").hidden = !shownRun && compared.size === 0;
          $("run-name").textContent = shownRun || t("compare");
          if (runState) drawState();
          drawCurves();
          drawCheckpoints();
        }

        function drawState() {
          const run = runState;
          const isLive = run.state === "running" || run.state === "queued";
          $("run-state").textContent = t(run.state);
          $("run-state").className = "state " + run.state;
          const share = run.total ? 100 * run.step / run.total : 0;
          $("run-progress").value = share;
          $("run-figures").textContent = [
            run.total ? `${run.step} / ${run.total}` : "", run.elapsed || "",
            isLive && run.remaining ? `${run.remaining} ${t("left")}` : "",
            run.throughput ? `${figure(run.throughput)} ${t("perSecond")}` : "",
            run.ranks ? `${t("ranks")}: ${run.ranks}` : "", run.job ? "Slurm " + run.job : "",
          ].filter(Boolean).join(" · ");
          $("run-message").hidden = !run.message;
          $("run-message").textContent = run.message || "";
          $("run-command").textContent = run.command || "";
          $("stop").disabled = !isLive;
          $("go-on").disabled = isLive || !run.command;
          $("take-form").disabled = !run.command;
        }

        function drawCheckpoints() {
          $("checkpoints").hidden = runCheckpoints.length === 0;
          const isLive = runState?.state === "running" || runState?.state === "queued";
          const act = (word, checkpoint, work, isOff) => make("button", {
            disabled: isOff, "aria-label": `${t(word)} ${checkpoint.name}`,
            onclick: (event) => attempt(event.currentTarget, work),
          }, t(word));
          $("checkpoint-rows").replaceChildren(...runCheckpoints.map((checkpoint) => {
            const which = { run: shownRun, checkpoint: checkpoint.name };
            const sound = checkpoint.verified === true ? t("yes")
              : checkpoint.verified === false ? `${t("no")}: ${checkpoint.problem}` : "";
            return make("tr", {},
              make("td", {}, String(checkpoint.step)), make("td", {}, figure(checkpoint.loss)),
              make("td", {}, figure(checkpoint.eval_loss)), make("td", {}, bytes(checkpoint.bytes)),
              make("td", { class: checkpoint.verified === false ? "problem" : null }, sound),
              make("td", {},
                act("goOnHere", checkpoint, () => goOn(checkpoint.name), isLive || !runState?.command),
                act("verify", checkpoint, async () => {
                  say(t("verifying"), true);
                  const { problem } = await ask("/board/api/verify", which);
                  say(problem || `${checkpoint.name}: ${t("yes")}`, !problem);
                }),
                act("inspect", checkpoint, async () => {
                  const lines = await ask("/board/api/inspect", which);
                  $("inspection").textContent = lines.join("\n");
                  $("inspection").hidden = false;
                })));
          }));
        }

        async function goOn(checkpoint) {
          await ask("/board/api/resume", checkpoint ? { run: shownRun, checkpoint } : { run: shownRun });
          say(t("started") + shownRun, true);
        }
        $("go-on").addEventListener("click", (e) => attempt(e.currentTarget, () => goOn(null)));
        $("stop").addEventListener("click", (e) => attempt(e.currentTarget, async () => {
          await ask("/board/api/stop", { run: shownRun });
          say(t("stopping"), true);
        }));
        $("take-form").addEventListener("click", (e) => attempt(e.currentTarget, async () => {
          await takeForm({ run: shownRun });
          const task = runState?.task === "evaluate" ? "evaluate" : runState?.task || "train";
          show(task);
        }));

        // A run's own form, pointed at what the run has made.
        async function formOfRun() {
          await takeForm({ run: shownRun });
          const folder = board.runs + "/" + shownRun;
          const isAdapter = $("f-top.finetuning_type").value === "lora";
          $(isAdapter ? "f-top.checkpoint_path" : "f-top.model_path").value = folder;
          if (!isAdapter) $("f-top.checkpoint_path").value = "";
          formChanged();
        }
        $("chat-with").addEventListener("click", (e) => attempt(e.currentTarget, async () => {
          await formOfRun();
          show("chat");
          await loadModel();
        }));
        $("export-it").addEventListener("click", (e) => attempt(e.currentTarget, async () => {
          await formOfRun();
          show("export");
        }));
        """#
}
