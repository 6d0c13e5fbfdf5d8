extension BoardPage {
    static let style = #"""
        :root { color-scheme: light dark;
          --back: #fff; --fore: #1b1f24; --soft: #57606a; --line: #c8ced6; --panel: #f5f7f9;
          --main: #0b5cad; --on-main: #fff; --bad: #b3261e; --good: #1a6b34; --learn: #d7f0dc; }
        @media (prefers-color-scheme: dark) { :root {
          --back: #14171b; --fore: #e6e9ec; --soft: #a5aeb8; --line: #3d454f; --panel: #1d2228;
          --main: #6cb2ff; --on-main: #10151b; --bad: #ff9b93; --good: #7ddc98; --learn: #1f4429; } }
        * { box-sizing: border-box; }
        [hidden] { display: none !important; }
        body { margin: 0; background: var(--back); color: var(--fore);
          font: 15px/1.45 system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
        header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center;
          padding: 8px 16px; border-bottom: 1px solid var(--line); background: var(--panel); }
        h1 { font-size: 18px; margin: 0; }
        h2 { font-size: 16px; margin: 16px 0 8px; overflow-wrap: anywhere; }
        nav { display: flex; flex-wrap: wrap; flex: 1; gap: 4px; padding: 4px; }
        nav button { border: 0; background: none; border-bottom: 3px solid transparent;
          border-radius: 0; }
        nav button[aria-selected=true] { border-bottom-color: var(--main); font-weight: 600; }
        main { padding: 12px 16px 48px; max-width: 1280px; margin: 0 auto; }
        .skip { position: absolute; left: -999px; } .skip:focus { left: 8px; top: 8px; }
        .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        button, select, input, textarea { font: inherit; color: inherit; }
        button { white-space: nowrap; min-height: 34px; padding: 4px 12px; border: 1px solid var(--line);
          background: var(--back); border-radius: 6px; cursor: pointer; }
        button.main { background: var(--main); color: var(--on-main); border-color: var(--main); }
        button:disabled { opacity: .5; cursor: default; }
        :focus-visible { outline: 3px solid var(--main); outline-offset: 1px; }
        input, select, textarea { width: 100%; min-height: 34px; padding: 4px 8px;
          border: 1px solid var(--line); border-radius: 6px; background: var(--back); }
        textarea { resize: vertical; font-family: ui-monospace, monospace; }
        input[type=checkbox] { width: 20px; height: 20px; min-height: 0; }
        input[aria-invalid=true], textarea[aria-invalid=true] { border-color: var(--bad); border-width: 2px; }
        .lang { display: flex; gap: 6px; align-items: center; font-size: 13px; }
        .grid { display: grid; gap: 10px 14px; padding: 8px 0 4px;
          grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); }
        .grid label { display: flex; flex-direction: column; gap: 2px;
          justify-content: flex-end; }
        .grid label.check { flex-direction: row; align-items: center; gap: 8px; padding-top: 20px; }
        .grid label.wide { grid-column: 1 / -1; }
        label span { color: var(--soft); font-size: 13px; }
        label.check span { color: inherit; font-size: 15px; }
        fieldset, details { border: 1px solid var(--line); border-radius: 8px; margin: 10px 0;
          padding: 6px 14px 10px; min-width: 0; }
        legend, summary { font-weight: 600; padding: 2px 4px; cursor: default; }
        summary { cursor: pointer; }
        .row { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 8px 0; }
        .grow { flex: 1; min-width: 200px; }
        .bar { position: sticky; bottom: 0; display: flex; flex-wrap: wrap; gap: 8px;
          align-items: end; padding: 10px 0; background: var(--back); border-top: 1px solid var(--line); }
        .bar label { flex: 1; min-width: 180px; }
        .problem { color: var(--bad); white-space: pre-wrap; overflow-wrap: anywhere; }
        #notice { padding: 0 16px; } #notice p { margin: 8px 0; }
        #notice p.good { color: var(--good); }
        pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 8px;
          overflow: auto; max-height: 340px; margin: 8px 0; font: 13px/1.4 ui-monospace, monospace;
          white-space: pre-wrap; overflow-wrap: anywhere; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: 5px 8px; border-bottom: 1px solid var(--line);
          white-space: nowrap; }
        th { font-size: 13px; color: var(--soft); font-weight: 600; }
        td button { min-height: 28px; padding: 1px 8px; margin-right: 6px; }
        td.name button { border: 0; padding: 0; background: none; color: var(--main);
          text-decoration: underline; text-align: left; white-space: normal; overflow-wrap: anywhere; }
        tr[aria-current=true] { background: var(--panel); }
        .state { font-weight: 600; } .state.failed, .state.lost { color: var(--bad); }
        .state.finished, .state.running { color: var(--good); }
        progress { width: 180px; height: 14px; accent-color: var(--main); }
        #curves { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); }
        figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: 6px; min-width: 0; }
        figcaption { font-weight: 600; font-size: 14px; }
        figure svg { width: 100%; height: auto; display: block; }
        figure text { fill: var(--soft); font-size: 11px; }
        .legend { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 12px; overflow-wrap: anywhere; }
        .legend i { display: inline-block; width: 14px; height: 3px; margin-right: 4px;
          vertical-align: middle; }
        .sample { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line);
          border-radius: 6px; padding: 8px; margin: 8px 0; font: 13px/1.5 ui-monospace, monospace; }
        .sample b { display: block; color: var(--soft); font: 600 13px system-ui, sans-serif; }
        mark { background: var(--learn); color: inherit; border-bottom: 2px solid var(--good); }
        #talk { min-height: 200px; max-height: 60vh; overflow: auto; border: 1px solid var(--line);
          border-radius: 8px; padding: 8px; }
        .turn { white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0; padding: 8px;
          border-radius: 8px; }
        .turn.user { background: var(--panel); margin-left: 10%; }
        .turn.assistant { border: 1px solid var(--line); margin-right: 10%; }
        dialog { width: min(900px, 94vw); max-height: 90vh; border: 1px solid var(--line);
          border-radius: 10px; background: var(--back); color: inherit; }
        @media (max-width: 560px) { main { padding: 8px 10px 40px; }
          header { padding: 6px 10px; } header h1 { flex: 1; } .lang span { display: none; }
          nav { order: 1; flex-basis: 100%; flex-wrap: nowrap; overflow-x: auto; }
          .bar label { flex-basis: 100%; }
          .grid { grid-template-columns: 1fr 1fr; } #curves { grid-template-columns: 1fr; }
          .bar button { flex: 1; } progress { width: 100%; } }
        """#
}
