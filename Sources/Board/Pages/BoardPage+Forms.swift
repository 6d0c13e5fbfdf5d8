extension BoardPage {
    /// Forms: fields from the server's table, previews, saving, loading, starting.
    static let forms = #"""
        let board = null;
        const draftName = "lockstep.form";

        function fieldElement(field) {
          const label = make("span", { "data-en": field.en, "data-zh": field.zh });
          const common = { "data-field": field.name, id: "f-" + field.name };
          if (field.key) common.title = field.key;
          let input;
          if (field.kind === "toggle") {
            input = make("input", { ...common, type: "checkbox" });
            return make("label", { class: "check", for: common.id }, input, label);
          }
          if (field.kind === "choice") {
            input = make("select", common, ...field.words.map((word) => make("option", {}, word)));
          } else if (field.kind === "prose") {
            input = make("textarea", { ...common, rows: 3, spellcheck: "false" });
          } else {
            const lists = { path: "models", "top.checkpoint_path": "checkpoints" };
            let list = lists[field.name] || (field.kind === "path" ? lists.path : null);
            if (field.name.endsWith("dataset_dir")) list = "data";
            if (/\.(eval_)?dataset$/.test(field.name)) list = "datasets";
            input = make("input", { ...common, type: "text", spellcheck: "false",
              inputmode: field.kind === "number" ? "decimal" : null,
              list: list ? "places-" + list : null });
          }
          return make("label", { class: field.kind === "prose" ? "wide" : null, for: common.id },
            label, input);
        }

        function groupElement(group) {
          const grid = make("div", { class: "grid" }, ...group.fields.map(fieldElement));
          const title = make(group.folded ? "summary" : "legend",
            { "data-en": group.en, "data-zh": group.zh });
          const element = make(group.folded ? "details" : "fieldset", {}, title, grid);
          if (group.when) element.dataset.when = JSON.stringify(group.when);
          return element;
        }

        const fieldInputs = () => [...document.querySelectorAll("[data-field]")];
        function formValues() {
          const values = {};
          for (const input of fieldInputs()) {
            values[input.dataset.field] = input.type === "checkbox" ? input.checked : input.value;
          }
          return values;
        }
        function fillForm(values) {
          for (const input of fieldInputs()) {
            const value = values[input.dataset.field];
            if (value === undefined) continue;
            // A choice that there was once.
            if (input.options && ![...input.options].some((o) => o.value === value)) continue;
            if (input.type === "checkbox") input.checked = value === true;
            else input.value = value;
          }
          formChanged();
        }
        function formChanged() {
          localStorage.setItem(draftName, JSON.stringify(formValues()));
          document.querySelectorAll("[data-when]").forEach((element) => {
            const when = JSON.parse(element.dataset.when);
            element.hidden = !when.values.includes($("f-" + when.field).value);
          });
        }

        function barElement(bar) {
          const task = bar.dataset.task;
          const name = make("input", { type: "text", id: "name-" + task, spellcheck: "false" });
          const button = (word, work, isMain) => make("button", {
            type: "button", class: isMain ? "main" : null, "data-t": word, id: task + "-" + word,
            onclick: (event) => attempt(event.currentTarget, () => work(task)),
          });
          bar.append(
            make("label", {}, make("span", { "data-t": "name" }), name),
            button("start", startRun, true), button("preview", previewCommand),
            ...(task === "export" ? [] : [button("data", previewData)]),
            button("saveForm", saveForm), button("loadForm", chooseForm));
        }
        const asked = (task) => ({ form: formValues(), task, name: $("name-" + task).value.trim() });

        async function startRun(task) {
          const { run } = await ask("/board/api/start", asked(task));
          say(t("started") + run, true);
          showRun(run);
          show("runs");
        }
        async function previewCommand(task) {
          const found = await ask("/board/api/preview", asked(task));
          showDialog(t("preview"),
            ...(found.problem ? [make("p", { class: "problem" }, found.problem)] : []),
            ...found.notices.map((line) => make("p", {}, line)),
            make("h2", {}, t("command")), make("pre", { tabindex: 0 }, found.command),
            make("h2", {}, t("settings")), make("pre", { tabindex: 0 }, found.yaml),
            ...(found.script ? [make("h2", {}, t("script")),
              make("pre", { tabindex: 0 }, found.script)] : []));
        }
        async function previewData(task) {
          const rows = await ask("/board/api/rows", asked(task));
          const drawn = rows.some((row) => row.title === "drawn");
          showDialog(t("data"), make("p", {}, t(drawn ? "drawn" : "learned")), ...rows.map((row) =>
            make("div", { class: "sample" },
              row.title && row.title !== "drawn" ? make("b", {}, t(row.title)) : null,
              ...row.pieces.map((piece) =>
                piece.learned ? make("mark", {}, piece.text) : piece.text))));
        }
        async function saveForm() {
          const input = make("input", { type: "text", id: "save-name", value: "form" });
          showDialog(t("saveForm"), make("label", {}, make("span", {}, t("formName")), input),
            make("div", { class: "row" }, make("button", { class: "main", id: "save-now",
              onclick: (event) => attempt(event.currentTarget, async () => {
                const { saved } = await ask("/board/api/forms/save",
                  { form: formValues(), name: input.value.trim() });
                $("shown").close();
                say(t("saved") + saved, true);
              }) }, t("saveForm"))));
        }
        async function chooseForm() {
          const names = await ask("/board/api/forms");
          showDialog(t("loadForm"), ...names.map((name) => make("div", { class: "row" },
            make("button", { onclick: (event) => attempt(event.currentTarget, async () => {
              await takeForm({ name });
              $("shown").close();
            }) }, name))));
        }
        async function takeForm(which) {
          const { form, unknown } = await ask("/board/api/forms/load", which);
          fillForm(form);
          say(unknown.length ? t("unknown") + unknown.join(", ") : "", false);
        }

        async function findPlaces() {
          const places = await ask("/board/api/places");
          for (const [name, list] of Object.entries(places)) {
            $("places-" + name).replaceChildren(...list.map((value) => make("option", { value })));
          }
          await findDatasets();
        }
        async function findDatasets() {
          const folder = encodeURIComponent($("f-train.dataset_dir").value || "data");
          const names = await ask("/board/api/datasets?folder=" + folder).catch(() => []);
          $("places-datasets").replaceChildren(...names.map((value) => make("option", { value })));
        }

        async function buildForms() {
          board = await ask("/board/api/form");
          $("top-fields").append(...board.top.map(groupElement));
          $("train-fields").append(...board.train.map(groupElement));
          $("launch-fields").append(...board.launch.map(groupElement));
          $("eval-fields").append(...board.eval.map(groupElement));
          $("export-fields").append(...board.export.map(groupElement));
          document.querySelectorAll(".bar").forEach(barElement);
          const all = [...board.top, ...board.train, ...board.launch, ...board.eval, ...board.export];
          // Read before the standard values are filled in, which writes them down.
          let draft = {};
          try {
            draft = JSON.parse(localStorage.getItem(draftName) || "{}");
          } catch { localStorage.removeItem(draftName); }
          fillForm({
            ...Object.fromEntries(all.flatMap((g) => g.fields).map((f) => [f.name, f.standard])),
            ...draft });
          $("main").addEventListener("input", (event) => {
            if (event.target.dataset?.field) formChanged();
          });
          $("f-train.dataset_dir").addEventListener("change", findDatasets);
          document.querySelectorAll('[id^="name-"]').forEach((input) => {
            input.placeholder = t("optional");
          });
          findPlaces().catch((error) => say(error.message));
        }
        """#
}
