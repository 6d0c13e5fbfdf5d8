# Makes pairs of the dictionary's articles: JSON lines with an article's text and its heading.
#
#     awk -f examples/finetune/headings.awk data/gcide/gcide.txt > data/gcide/headings.jsonl
#
# An article begins "Abacus \Ab"a*cus\, n." at the start of a line; its text is what follows the
# pronunciation, to the note of its source.

function quoted(text) {
    gsub(/[\\\001-\037]/, " ", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}

function finish() {
    sub(/^\([^)]*\),? */, "", text)
    if (heading != "" && length(text) >= 40)
        print "{\"text\": " quoted(text) ", \"heading\": " quoted(heading) "}"
    heading = ""
}

/^[A-Za-z]+ \\[^\\]+\\/ {
    finish()
    heading = $1
    text = $0
    sub(/^[^\\]*\\[^\\]*\\,? */, "", text)
    ended = 0
    next
}

/^[^ ]/ { finish() }
/^ *\[1913 Webster/ { ended = 1 }

heading != "" && !ended && NF {
    line = $0
    sub(/^ +/, "", line)
    text = text " " line
}

END { finish() }
