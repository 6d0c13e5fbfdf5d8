extension BoardPage {
    static let markup = #"""
        <a class="skip" href="#main" data-t="skip"></a>
        <header>
        <h1>Lockstep</h1>
        <nav role="tablist" aria-label="Lockstep" id="tabs">
        <button role="tab" id="tab-train" aria-controls="pane-train" data-t="train"></button>
        <button role="tab" id="tab-evaluate" aria-controls="pane-evaluate" data-t="evaluate"></button>
        <button role="tab" id="tab-chat" aria-controls="pane-chat" data-t="chat"></button>
        <button role="tab" id="tab-export" aria-controls="pane-export" data-t="export"></button>
        <button role="tab" id="tab-runs" aria-controls="pane-runs" data-t="runs"></button>
        </nav>
        <label class="lang"><span data-t="language"></span>
        <select id="language"><option value="en">English</option><option value="zh">中文</option></select>
        </label>
        </header>
        <div id="notice" role="status" aria-live="polite"></div>
        <main id="main">
        <section id="top-fields" aria-label="Model"></section>
        <section role="tabpanel" id="pane-train" aria-labelledby="tab-train">
        <div id="train-fields"></div>
        <div id="launch-fields"></div>
        <div class="bar" data-task="train"></div>
        </section>
        <section role="tabpanel" id="pane-evaluate" aria-labelledby="tab-evaluate" hidden>
        <div id="eval-fields"></div>
        <div class="bar" data-task="evaluate"></div>
        </section>
        <section role="tabpanel" id="pane-chat" aria-labelledby="tab-chat" hidden>
        <div class="row">
        <button id="load" class="main" data-t="load"></button>
        <button id="unload" data-t="unload"></button>
        <span id="loaded" role="status"></span>
        </div>
        <details><summary data-t="answers"></summary>
        <div class="grid">
        <label class="wide"><span data-t="system"></span><textarea id="chat-system" rows="2"></textarea></label>
        <label class="wide"><span data-t="tools"></span>
        <textarea id="chat-tools" rows="2" placeholder="[]"></textarea></label>
        <label><span data-t="newTokens"></span>
        <input id="chat-tokens" inputmode="numeric" value="1024"></label>
        <label><span>Top-p</span><input id="chat-top-p" inputmode="decimal" value="0.7"></label>
        <label><span data-t="temperature"></span>
        <input id="chat-temperature" inputmode="decimal" value="0.95"></label>
        </div></details>
        <div id="talk" aria-live="polite" tabindex="0" aria-label="Chat"></div>
        <form id="ask" class="row">
        <label class="grow"><span class="hidden" data-t="message"></span>
        <textarea id="message" rows="2"></textarea></label>
        <button class="main" data-t="send"></button>
        <button type="button" id="cut" data-t="cut"></button>
        <button type="button" id="clear" data-t="clear"></button>
        </form>
        </section>
        <section role="tabpanel" id="pane-export" aria-labelledby="tab-export" hidden>
        <div id="export-fields"></div>
        <div class="bar" data-task="export"></div>
        </section>
        <section role="tabpanel" id="pane-runs" aria-labelledby="tab-runs" hidden>
        <div id="shown-run" hidden>
        <h2 id="run-name"></h2>
        <div class="row">
        <span id="run-state" class="state" role="status" aria-live="polite"></span>
        <progress id="run-progress" max="100" value="0" aria-label="%"></progress>
        <span id="run-figures"></span>
        </div>
        <p id="run-message" class="problem" hidden></p>
        <div class="row">
        <button id="stop" class="main" data-t="stop"></button>
        <button id="go-on" data-t="goOn"></button>
        <button id="take-form" data-t="takeForm"></button>
        <button id="chat-with" data-t="chatWith"></button>
        <button id="export-it" data-t="exportIt"></button>
        </div>
        <div id="curves"></div>
        <details id="checkpoints" open><summary data-t="checkpoints"></summary>
        <div class="scroll"><table><thead><tr><th data-t="step"></th><th data-t="loss"></th>
        <th data-t="evalLoss"></th><th data-t="size"></th><th data-t="sound"></th><th></th></tr></thead>
        <tbody id="checkpoint-rows"></tbody></table></div>
        <pre id="inspection" hidden tabindex="0"></pre>
        </details>
        <details open><summary data-t="log"></summary>
        <pre id="log" tabindex="0" aria-label="log"></pre></details>
        <details><summary data-t="command"></summary><pre id="run-command" tabindex="0"></pre></details>
        </div>
        <h2 data-t="allRuns"></h2>
        <div class="scroll"><table id="run-table"><thead><tr><th data-t="compare"></th>
        <th data-t="run"></th><th data-t="state"></th><th data-t="step"></th><th data-t="loss"></th>
        <th data-t="evalLoss"></th><th data-t="speed"></th><th data-t="ranks"></th></tr></thead>
        <tbody id="run-rows"></tbody></table></div>
        <p id="no-runs" data-t="noRuns" hidden></p>
        </section>
        </main>
        <dialog id="shown" aria-labelledby="shown-title">
        <div class="row"><h2 id="shown-title" class="grow"></h2>
        <button id="shown-close" data-t="close"></button></div>
        <div id="shown-body"></div>
        </dialog>
        <datalist id="places-models"></datalist>
        <datalist id="places-checkpoints"></datalist>
        <datalist id="places-data"></datalist>
        <datalist id="places-datasets"></datalist>
        """#
}
