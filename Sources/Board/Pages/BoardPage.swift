/// The board's page: markup, style and script in one text, so that nothing else is fetched.
package enum BoardPage {
    package static let html = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Lockstep</title>
        <link rel="icon" href="data:,">
        <style>\(style)</style>
        </head>
        <body>
        \(markup)
        <script>
        "use strict";
        \(words)
        \(core)
        \(forms)
        \(runs)
        \(curves)
        \(chat)
        \(begin)
        </script>
        </body>
        </html>
        """
}
