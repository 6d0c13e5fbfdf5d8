extension ChatPage {
    /// The page's script. Conversations are kept under `lockstep.chat`, settings under `lockstep.settings`.
    static let script = #"""
        const $ = id => document.getElementById(id);
        const fields = ['model', 'system', 'temperature', 'top_p', 'max_tokens', 'seed', 'key'];
        const read = (key, other) => {
          try { return JSON.parse(localStorage.getItem(key)) ?? other; } catch { return other; } };
        const write = (key, value) => {
          try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* storage is off */ } };
        let chats = read('lockstep.chat', {});
        let settings = read('lockstep.settings', {});
        let language = settings.language
          ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
        let text = words[language];
        let running = null;

        // The address may hold the token that let the page in; it is not to stay in sight.
        const address = new URL(location.href);
        if (address.searchParams.has('token')) {
          address.searchParams.delete('token');
          history.replaceState(null, '', address);
        }

        function current() {
          let id = location.hash.slice(1);
          if (!id) {
            id = Date.now().toString(36) + Math.random().toString(36).slice(2, 6);
            history.replaceState(null, '', '#' + id);
          }
          return [id, chats[id] ?? { messages: [], at: Date.now() }];
        }

        function keep(id, chat) {
          // Another window may have written meanwhile.
          chats = read('lockstep.chat', chats);
          chat.at = Date.now();
          chats[id] = chat;
          write('lockstep.chat', chats);
        }

        function speak() {
          document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
          for (const node of document.querySelectorAll('[data-text]'))
            node.textContent = text[node.dataset.text];
          for (const node of document.querySelectorAll('[data-label]'))
            node.setAttribute('aria-label', text[node.dataset.label]);
          $('question').placeholder = text.question;
          $('language').textContent = text.other;
          show();
        }

        // Code between ``` stands in a box; all else is text as it is.
        function fill(node, content) {
          node.replaceChildren();
          content.split('```').forEach((part, index) => {
            if (index % 2 === 0) return node.append(part);
            const code = document.createElement('code');
            code.textContent = part.replace(/^[\w+#-]*\n/, '');
            const box = document.createElement('pre');
            box.append(code);
            node.append(box);
          });
        }

        function article(message) {
          const node = document.createElement('article');
          node.className = message.role;
          const head = document.createElement('h2');
          head.textContent = text[message.role];
          const body = document.createElement('div');
          fill(body, message.content);
          node.append(head, body);
          $('log').append(node);
          return body;
        }

        function say(line, isBad) {
          $('status').textContent = line;
          $('status').className = isBad ? 'bad' : '';
        }

        function title(chat) {
          const first = chat.messages.find(message => message.role === 'user');
          return first ? first.content.slice(0, 60) : text.new;
        }

        function show() {
          const [id, chat] = current();
          $('log').replaceChildren();
          chat.messages.forEach(article);
          if (!chat.messages.length) {
            const node = document.createElement('article');
            node.textContent = text.empty;
            $('log').append(node);
          }
          $('log').scrollTop = $('log').scrollHeight;
          $('title').textContent = title(chat);
          document.title = title(chat) + ' – Lockstep';
          $('list').replaceChildren();
          for (const [key, other] of Object.entries(chats).sort((a, b) => b[1].at - a[1].at)) {
            const item = document.createElement('li');
            const link = document.createElement('a');
            link.href = '#' + key;
            link.textContent = title(other);
            if (key === id) link.setAttribute('aria-current', 'page');
            item.append(link);
            $('list').append(item);
          }
          buttons();
        }

        function buttons() {
          const [, chat] = current();
          $('send').hidden = $('again').hidden = !!running;
          $('stop').hidden = !running;
          $('again').disabled = !chat.messages.length;
          $('remove').disabled = $('save').disabled = !!running || !chat.messages.length;
        }

        function options() {
          const body = { stream: true, stream_options: { include_usage: true } };
          if (settings.model) body.model = settings.model;
          for (const key of ['temperature', 'top_p', 'max_tokens', 'seed'])
            if (settings[key] !== undefined && settings[key] !== '') body[key] = Number(settings[key]);
          return body;
        }

        function headers() {
          const all = { 'content-type': 'application/json' };
          if (settings.key) all.authorization = 'Bearer ' + settings.key;
          return all;
        }

        // Hands each event's data to `take` as it comes.
        async function events(response, take) {
          const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
          let rest = '';
          for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            const parts = (rest + value).split('\n\n');
            rest = parts.pop();
            for (const part of parts)
              if (part.startsWith('data: {')) take(JSON.parse(part.slice(6)));
          }
        }

        async function answer() {
          const [id, chat] = current();
          const asked = chat.messages.map(({ role, content }) => ({ role, content }));
          if (settings.system) asked.unshift({ role: 'system', content: settings.system });
          const message = { role: 'assistant', content: '' };
          const node = article(message);
          $('log').scrollTop = $('log').scrollHeight;
          running = new AbortController();
          buttons();
          say(text.waiting);
          const state = { first: 0, usage: null, finish: null };
          try {
            const response = await fetch('v1/chat/completions', { method: 'POST', headers: headers(),
              signal: running.signal, body: JSON.stringify({ ...options(), messages: asked }) });
            if (!response.ok) throw await response.json();
            await events(response, event => take(event, message, node, state));
            const seconds = (performance.now() - state.first) / 1000;
            const count = state.usage ? state.usage.completion_tokens : 0;
            const rate = count > 1 ? ((count - 1) / seconds).toFixed(1) : '–';
            say((state.finish === 'length' ? text.cut + ' ' : '') + text.rate(count, rate));
          } catch (error) {
            if (error.name === 'AbortError') say(text.stopped);
            else say(error.error ? error.error.message : text.lost, true);
          }
          running = null;
          if (message.content) chat.messages.push(message);
          keep(id, chat);
          if (current()[0] === id) show(); else buttons();
        }

        function take(event, message, node, state) {
          if (event.error) throw event;
          if (event.usage) state.usage = event.usage;
          const choice = event.choices[0];
          if (!choice) return;
          if (choice.finish_reason) state.finish = choice.finish_reason;
          if (!choice.delta.content) return;
          if (!state.first) { state.first = performance.now(); say(''); }
          const isAtEnd = $('log').scrollHeight - $('log').scrollTop - $('log').clientHeight < 60;
          message.content += choice.delta.content;
          fill(node, message.content);
          if (isAtEnd) $('log').scrollTop = $('log').scrollHeight;
        }

        function ask() {
          const question = $('question').value.trim();
          const [id, chat] = current();
          if (running || !question) return;
          const last = chat.messages.at(-1);
          // A question that got no answer is asked anew.
          if (last && last.role === 'user') chat.messages.pop();
          chat.messages.push({ role: 'user', content: question });
          $('question').value = '';
          keep(id, chat);
          show();
          answer();
        }

        $('form').addEventListener('submit', event => { event.preventDefault(); ask(); });
        $('question').addEventListener('keydown', event => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          ask();
        });
        $('stop').addEventListener('click', () => running && running.abort());
        $('again').addEventListener('click', () => {
          const [id, chat] = current();
          if (running || !chat.messages.length) return;
          if (chat.messages.at(-1).role === 'assistant') chat.messages.pop();
          keep(id, chat);
          show();
          answer();
        });
        $('save').addEventListener('click', () => {
          const [id, chat] = current();
          const link = document.createElement('a');
          const text = JSON.stringify({ messages: chat.messages }, null, 2);
          link.href = 'data:application/json;charset=utf-8,' + encodeURIComponent(text);
          link.download = id + '.json';
          link.click();
        });
        $('remove').addEventListener('click', () => {
          if (!confirm(text.sure)) return;
          chats = read('lockstep.chat', chats);
          delete chats[current()[0]];
          write('lockstep.chat', chats);
          begin();
        });
        function begin() {
          if (running) return;
          history.pushState(null, '', location.pathname + location.search);
          say('');
          show();
          $('question').focus();
        }
        $('new').addEventListener('click', begin);
        $('menu').addEventListener('click', () => {
          const isOpen = $('side').classList.toggle('open');
          $('menu').setAttribute('aria-expanded', isOpen);
        });
        $('language').addEventListener('click', () => {
          language = language === 'zh' ? 'en' : 'zh';
          text = words[language];
          settings.language = language;
          write('lockstep.settings', settings);
          speak();
        });
        for (const key of fields) {
          $(key).value = settings[key] ?? '';
          $(key).addEventListener('change', () => {
            settings[key] = $(key).value;
            write('lockstep.settings', settings);
            if (key === 'key') models();
          });
        }
        addEventListener('keydown', event => {
          if (event.key === 'Escape' && running) running.abort();
          if (event.altKey && event.key.toLowerCase() === 'n') { event.preventDefault(); begin(); }
        });
        addEventListener('hashchange', () => { say(''); show(); });
        addEventListener('storage', () => {
          if (running) return;
          chats = read('lockstep.chat', {});
          show();
        });

        async function models() {
          try {
            const response = await fetch('v1/models', { headers: headers() });
            const found = await response.json();
            if (!response.ok) throw found;
            $('model').replaceChildren(...found.data.map(model => new Option(model.id, model.id)));
            if (!found.data.some(model => model.id === settings.model)) delete settings.model;
            $('model').value = settings.model ?? (found.data[0] ? found.data[0].id : '');
            say('');
          } catch (error) {
            say(error.error ? error.error.message : text.lost, true);
          }
        }

        speak();
        models();
        """#
}
