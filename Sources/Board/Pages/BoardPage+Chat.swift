extension BoardPage {
    /// The chat tab, which talks to the same endpoints as any client of the API.
    static let chat = #"""
        let turns = [];
        let answering = null;

        function tellLoaded(name) {
          $("loaded").textContent = name ? t("isLoaded") + name : t("noModel");
        }
        async function loadModel() {
          $("loaded").textContent = t("loading");
          try {
            const { loaded, notes } = await ask("/board/api/model/load", { form: formValues() });
            tellLoaded(loaded);
            if (notes.length) say(notes.join("\n"), true);
          } catch (error) {
            tellLoaded(null);
            throw error;
          }
        }
        $("load").addEventListener("click", (e) => attempt(e.currentTarget, loadModel));
        $("unload").addEventListener("click", (e) => attempt(e.currentTarget, async () => {
          const { loaded } = await ask("/board/api/model/unload", {});
          tellLoaded(loaded);
        }));

        function addTurn(role, text) {
          const element = make("div", { class: "turn " + role }, text);
          $("talk").append(element);
          $("talk").scrollTop = $("talk").scrollHeight;
          return element;
        }

        function request() {
          const number = (id) => {
            const value = Number($(id).value);
            if (!Number.isFinite(value)) throw new Error(`${id}: ${$(id).value}`);
            return value;
          };
          const body = {
            model: $("loaded").dataset.name || undefined, stream: true,
            messages: [...($("chat-system").value.trim()
              ? [{ role: "system", content: $("chat-system").value }] : []), ...turns],
            max_tokens: number("chat-tokens"), top_p: number("chat-top-p"),
            temperature: number("chat-temperature"),
          };
          const tools = $("chat-tools").value.trim();
          if (tools) body.tools = JSON.parse(tools);
          return body;
        }

        async function answer() {
          answering = new AbortController();
          const element = addTurn("assistant", "");
          let text = "";
          try {
            const response = await fetch("/v1/chat/completions", {
              method: "POST", headers: { "content-type": "application/json" },
              body: JSON.stringify(request()), signal: answering.signal,
            });
            if (!response.ok) {
              throw new Error((await response.json().catch(() => null))?.error?.message
                || response.statusText);
            }
            const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
            let rest = "";
            for (;;) {
              const { done, value } = await reader.read();
              if (done) break;
              const lines = (rest + value).split("\n");
              rest = lines.pop();
              for (const line of lines) {
                if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
                const news = JSON.parse(line.slice(6));
                if (news.error) throw new Error(news.error.message);
                const delta = news.choices?.[0]?.delta || {};
                text += delta.content || "";
                if (delta.tool_calls) text += JSON.stringify(delta.tool_calls);
                element.textContent = text;
                $("talk").scrollTop = $("talk").scrollHeight;
              }
            }
          } catch (error) {
            if (error.name !== "AbortError") { element.remove(); turns.pop(); throw error; }
          } finally { answering = null; }
          turns.push({ role: "assistant", content: text });
        }

        $("ask").addEventListener("submit", (event) => {
          event.preventDefault();
          const text = $("message").value.trim();
          if (!text || answering) return;
          say("");
          attempt(null, async () => {
            turns.push({ role: "user", content: text });
            addTurn("user", text);
            $("message").value = "";
            await answer();
          });
        });
        $("message").addEventListener("keydown", (event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            $("ask").requestSubmit();
          }
        });
        $("cut").addEventListener("click", () => answering?.abort());
        $("clear").addEventListener("click", () => { turns = []; $("talk").replaceChildren(); });
        """#

    /// What happens when the page has come: everything that the address says is shown again.
    static let begin = #"""
        (async () => {
          translate();
          await buildForms();
          translate();
          tellLoaded(board.loaded);
          for (const name of (place.get("compare") || "").split("|").filter(Boolean)) {
            await compare(name, true);
          }
          if (place.get("run")) showRun(place.get("run"));
          show(tabs.includes(place.get("tab")) ? place.get("tab") : "train");
          setInterval(() => {
            if (place.get("tab") === "runs" && !document.hidden) listRuns();
          }, 5000);
        })().catch((error) => say(error.message));
        """#
}
