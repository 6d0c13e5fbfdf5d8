/// The page of `lockstep webchat`: one HTML text, which asks for nothing but this server's API.
///
/// What was said and how it is asked stand in the browser's own storage; the address names the conversation,
/// so that a refresh or a second window shows the same.
package struct ChatPage: RouteGroup {
    package init() {}

    package var routes: [Route] {
        [
            Route(.get, "/", access: .page) { _ throws(ServerProblem) in .page(Self.html) },
            // Browsers ask for it by themselves.
            Route(.get, "/favicon.ico", access: .open) { _ throws(ServerProblem) in
                .text(Self.icon, type: "image/svg+xml")
            },
        ]
    }

    private static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#1f6f5c" \
        d="M2 2h12v9H8l-4 3v-3H2z"/></svg>
        """

    private static let html = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Lockstep</title>
        <style>\(style)</style>
        </head>
        <body>
        <a class="skip" href="#question" data-text="skip"></a>
        <header>
          <button id="menu" aria-expanded="false" aria-controls="side" data-label="menu">☰</button>
          <h1 id="title">Lockstep</h1>
          <button id="language"></button>
        </header>
        <div id="frame">
        <nav id="side" data-label="conversations">
          <button id="new" data-text="new"></button>
          <ul id="list"></ul>
          <details id="settings">
            <summary data-text="settings"></summary>
            <label><span data-text="model"></span><select id="model"></select></label>
            <label><span data-text="system"></span><textarea id="system" rows="3"></textarea></label>
            <label><span data-text="temperature"></span>
              <input id="temperature" type="number" min="0" max="2" step="0.05"></label>
            <label><span data-text="topP"></span>
              <input id="top_p" type="number" min="0.01" max="1" step="0.01"></label>
            <label><span data-text="maxTokens"></span>
              <input id="max_tokens" type="number" min="1" step="1"></label>
            <label><span data-text="seed"></span><input id="seed" type="number" step="1"></label>
            <label><span data-text="key"></span>
              <input id="key" type="password" autocomplete="off"></label>
            <p data-text="unset"></p>
          </details>
        </nav>
        <main>
          <div id="log" role="log" aria-live="polite" tabindex="0" data-label="conversation"></div>
          <p id="status" role="status"></p>
          <form id="form">
            <label class="hidden" for="question" data-text="question"></label>
            <textarea id="question" rows="2" data-hint="question" autofocus></textarea>
            <div class="buttons">
              <button id="send" type="submit" data-text="send"></button>
              <button id="stop" type="button" data-text="stop" hidden></button>
              <button id="again" type="button" data-text="again"></button>
              <button id="save" type="button" data-text="save"></button>
              <button id="remove" type="button" data-text="remove"></button>
            </div>
            <p class="hint" data-text="hint"></p>
          </form>
        </main>
        </div>
        <script>\(words)\(script)</script>
        </body>
        </html>
        """

    private static let style = """
        :root { color-scheme: light dark; --ink: #1b1f23; --paper: #ffffff; --line: #c9ced4; --soft: #f2f4f6; --main: #1a5f4f;
          --onmain: #ffffff; --bad: #a3200d; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #16191c; --line: #454c54;
          --soft: #22272c; --main: #7fd1bb; --onmain: #10201c; --bad: #ff9b8a; } }
        * { box-sizing: border-box; }
        [hidden] { display: none !important; }
        html, body { height: 100%; margin: 0; }
        body { display: flex; flex-direction: column; background: var(--paper); color: var(--ink);
          font: 16px/1.5 system-ui, sans-serif; }
        header { display: flex; align-items: center; gap: .5rem; padding: .4rem .8rem;
          border-bottom: 1px solid var(--line); }
        h1 { flex: 1; font-size: 1.05rem; margin: 0; overflow: hidden; text-overflow: ellipsis;
          white-space: nowrap; }
        button { font: inherit; padding: .3rem .7rem; color: var(--ink); background: var(--soft);
          border: 1px solid var(--line); border-radius: .4rem; cursor: pointer; }
        button:disabled { opacity: .5; cursor: default; }
        button[type=submit] { background: var(--main); color: var(--onmain); border-color: var(--main); }
        :focus-visible { outline: 3px solid var(--main); outline-offset: 1px; }
        #frame { flex: 1; display: flex; min-height: 0; }
        #side { width: 17rem; padding: .8rem; overflow: auto; border-right: 1px solid var(--line); }
        #list { list-style: none; margin: .6rem 0; padding: 0; }
        #list a { display: block; padding: .25rem .5rem; color: inherit; text-decoration: none;
          border-radius: .4rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        #list a[aria-current] { background: var(--soft); font-weight: 600; }
        label { display: block; margin: .5rem 0; }
        label span { display: block; font-size: .85rem; }
        input, select, textarea { width: 100%; font: inherit; padding: .35rem .5rem; color: inherit;
          background: var(--paper); border: 1px solid var(--line); border-radius: .4rem; }
        main { flex: 1; display: flex; flex-direction: column; min-width: 0; }
        #log { flex: 1; overflow: auto; padding: 1rem; }
        #log article { max-width: 46rem; margin: 0 auto .8rem; padding: .5rem .9rem;
          border-radius: .6rem; overflow-wrap: anywhere; white-space: pre-wrap; }
        #log .user { background: var(--soft); }
        #log h2 { font-size: .8rem; margin: 0 0 .2rem; font-weight: 600; }
        #log pre { overflow: auto; padding: .6rem; background: var(--soft); border-radius: .4rem;
          white-space: pre; }
        #log .bad { color: var(--bad); }
        #status { min-height: 1.3em; margin: 0 auto; width: 100%; max-width: 46rem; padding: 0 1rem;
          font-size: .85rem; }
        form { max-width: 46rem; width: 100%; margin: 0 auto; padding: .4rem 1rem .8rem; }
        .buttons { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .4rem; }
        .hint, #settings p { font-size: .8rem; margin: .4rem 0 0; }
        .hidden, .skip:not(:focus) { position: absolute; left: -9999px; }
        @media (max-width: 44rem) {
          #side { position: absolute; z-index: 1; top: 3rem; bottom: 0; left: 0;
            width: min(20rem, 90vw); background: var(--paper); }
          #side:not(.open) { display: none; }
        }
        @media (min-width: 44.01rem) { #menu { display: none; } }
        """

    /// What the page says, in English and Chinese.
    private static let words = """
        const words = {
          en: { skip: 'To the question', menu: 'Conversations and settings',
            conversations: 'Conversations and settings', conversation: 'Conversation',
            new: 'New conversation', settings: 'Settings', model: 'Model', system: 'System prompt',
            temperature: 'Temperature', topP: 'Top-p', maxTokens: 'Tokens of an answer at most',
            seed: 'Seed', key: 'API key', unset: 'What is left empty is as the server has it.',
            question: 'Your message', send: 'Send', stop: 'Stop', again: 'Answer again',
            save: 'Save as JSON', remove: 'Delete conversation',
            hint: 'Enter sends, Shift+Enter begins a line, Esc stops, Alt+N begins a conversation.',
            user: 'You', assistant: 'Model', empty: 'Nothing has been said yet.',
            waiting: 'waiting for the first token …', cut: 'The answer was cut at its greatest length.',
            stopped: 'Stopped.', lost: 'The server cannot be reached.', other: '中文',
            sure: 'Delete this conversation?', rate: (n, r) => `${n} tokens, ${r} a second` },
          zh: { skip: '跳到输入框', menu: '对话与设置', conversations: '对话与设置', conversation: '对话',
            new: '新对话', settings: '设置', model: '模型', system: '系统提示词', temperature: '温度',
            topP: 'Top-p', maxTokens: '回答的最大词元数', seed: '随机种子', key: 'API 密钥',
            unset: '留空则使用服务器的设置。', question: '输入消息', send: '发送', stop: '停止',
            again: '重新回答', save: '保存为 JSON', remove: '删除对话',
            hint: 'Enter 发送，Shift+Enter 换行，Esc 停止，Alt+N 新对话。',
            user: '你', assistant: '模型', empty: '还没有消息。', waiting: '等待第一个词元……',
            cut: '回答达到最大长度，已被截断。', stopped: '已停止。', lost: '无法连接服务器。',
            other: 'English', sure: '删除这个对话？', rate: (n, r) => `${n} 个词元，每秒 ${r} 个` } };

        """
}
