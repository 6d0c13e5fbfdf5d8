extension BoardPage {
    /// What all parts of the page use: elements, requests, languages, tabs, and the address that a refresh
    /// finds its way back by.
    static let core = #"""
        const $ = (id) => document.getElementById(id);
        let language = localStorage.getItem("lockstep.language")
          || (navigator.language.startsWith("zh") ? "zh" : "en");
        const t = (word) => words[language][word] || words.en[word] || word;

        function make(tag, attributes = {}, ...children) {
          const element = document.createElement(tag);
          for (const [name, value] of Object.entries(attributes)) {
            if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
            else if (value === true) element.setAttribute(name, "");
            else if (value !== false && value != null) element.setAttribute(name, value);
          }
          element.append(...children.filter((child) => child != null));
          return element;
        }

        function say(text, isGood = false) {
          $("notice").replaceChildren(...(text
            ? [make("p", { class: isGood ? "good" : "problem" }, text)] : []));
        }

        async function ask(path, body) {
          let answer;
          try {
            answer = await fetch(path, body === undefined ? {} : {
              method: "POST", headers: { "content-type": "application/json" },
              body: JSON.stringify(body),
            });
          } catch (error) {
            throw new Error(t("connectionLost"));
          }
          const value = await answer.json().catch(() => null);
          if (!answer.ok) {
            const problem = new Error(value?.error?.message || answer.statusText);
            problem.field = value?.error?.param;
            throw problem;
          }
          return value;
        }

        /// Runs what a button asks for; a problem is told, and its field marked.
        async function attempt(button, work) {
          if (button) button.disabled = true;
          document.querySelectorAll("[aria-invalid]").forEach((e) => e.removeAttribute("aria-invalid"));
          try {
            await work();
          } catch (error) {
            say(error.message);
            const field = error.field && document.querySelector(`[data-field="${error.field}"]`);
            if (field) { field.setAttribute("aria-invalid", "true"); field.focus(); }
          } finally {
            if (button) button.disabled = false;
          }
        }

        // Tabs, as the ARIA practices have them: arrows move, and the address remembers.
        const tabs = ["train", "evaluate", "chat", "export", "runs"];
        const place = new URLSearchParams(location.hash.slice(1));
        function remember(changes) {
          for (const [name, value] of Object.entries(changes)) {
            if (value) place.set(name, value); else place.delete(name);
          }
          history.replaceState(null, "", "#" + place);
        }
        function show(tab) {
          for (const name of tabs) {
            const isShown = name === tab;
            $("pane-" + name).hidden = !isShown;
            $("tab-" + name).setAttribute("aria-selected", isShown);
            $("tab-" + name).tabIndex = isShown ? 0 : -1;
          }
          $("top-fields").hidden = tab === "runs";
          remember({ tab });
          if (tab === "runs") listRuns();
        }
        $("tabs").addEventListener("click", (event) => {
          const id = event.target.id;
          if (!id.startsWith("tab-")) return;
          say("");
          show(id.slice(4));
        });
        $("tabs").addEventListener("keydown", (event) => {
          const now = tabs.indexOf(place.get("tab"));
          const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
          if (next === undefined) return;
          event.preventDefault();
          const tab = tabs[(next + tabs.length) % tabs.length];
          show(tab);
          $("tab-" + tab).focus();
        });

        function translate() {
          document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
          document.querySelectorAll("[data-t]").forEach((e) => { e.textContent = t(e.dataset.t); });
          document.querySelectorAll("[data-en]").forEach((e) => { e.textContent = e.dataset[language]; });
          $("language").value = language;
          $("language").setAttribute("aria-label", t("language"));
        }
        $("language").addEventListener("change", () => {
          language = $("language").value;
          localStorage.setItem("lockstep.language", language);
          translate();
          if (shownRun) drawRun();
          listRuns();
        });

        function showDialog(title, ...children) {
          $("shown-title").textContent = title;
          $("shown-body").replaceChildren(...children);
          $("shown").showModal();
        }
        $("shown-close").addEventListener("click", () => $("shown").close());
        """#
}
