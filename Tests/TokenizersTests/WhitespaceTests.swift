import Testing
import Tokenizers

/// The pre-tokenizer Whitespace, `\w+|[^\w\s]+`. Ids and offsets are those of tokenizers 0.23.3 with the
/// same tokenizer.json, whose merges would cross the cuts (scripts/references/tokenizer_literals.py).
@Suite struct WhitespaceTests {
    private static let file = #"""
        {"pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "BPE", "unk_token": "[UNK]", "vocab":
        {"[UNK]": 0, "!": 1, "$": 2, "'": 3, ",": 4, "-": 5, ".": 6, "0": 7, "5": 8, "?": 9, "H": 10,
        "_": 11, "a": 12, "b": 13, "c": 14, "d": 15, "e": 16, "l": 17, "n": 18, "o": 19, "p": 20,
        "r": 21, "s": 22, "t": 23, "u": 24, "w": 25, "x": 26, "y": 27, "\u00ab": 28, "\u00bb": 29,
        "\u00e9": 30, "\u0300": 31, "\u0301": 32, "\u0663": 33, "\u200d": 34, "\u2026": 35,
        "\u65e5": 36, "\u672c": 37, "\u8a9e": 38, "ll": 39, "'a": 40, "'t": 41, "all": 42, "!?": 43,
        "t_": 44, "--": 45, "$5": 46, "5.": 47, "00": 48, "n'": 49, "e\u0301": 50, ",y": 51},
        "merges": [["l", "l"], ["'", "a"], ["'", "t"], ["a", "ll"], ["!", "?"], ["t", "_"],
        ["-", "-"], ["$", "5"], ["5", "."], ["0", "0"], ["n", "'"], ["e", "\u0301"], [",", "y"]]}}
        """#

    @Test(arguments: [
        (
            "Hello, y'all! How are you 😁 ?",
            [10, 16, 39, 19, 4, 27, 3, 42, 1, 10, 19, 25, 12, 21, 16, 27, 19, 24, 0, 9] as [Int32],
            [
                0, 1, 2, 4, 5, 7, 8, 9, 12, 14, 15, 16, 18, 19, 20, 22, 23, 24, 26, 28,
            ] as [Int32]
        ),
        // A joiner counts as a word character.
        (
            "  don't_stop --é\u{301}x٣‿…\u{200D}\u{3000}«日本語»\t.",
            [
                15, 19, 18, 3, 44, 22, 23, 19, 20, 45, 30, 32, 26, 33, 0, 35, 34, 28, 36, 37, 38,
                29,
                6,
            ],
            [
                2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 29,
            ]
        ),
        (
            "e\u{301}\u{300}!a\u{A0}b\u{2028}c$5.00", [50, 31, 1, 12, 13, 14, 2, 8, 6, 48],
            [0, 2, 3, 4, 6, 8, 9, 10, 11, 12]
        ),
        ("!?", [43], [0]), (" ", [], []),
    ])
    func aWordIsARunOfWordCharactersOrOfSigns(
        text: String, expected: [Int32], starts: [Int32]
    ) throws {
        let tokenizer = try TokenizerFolder.parse(text: Self.file, configuration: nil)
        #expect(tokenizer.encode(text, addSpecialTokens: false) == expected)
        let located = tokenizer.located(text)
        #expect(located.ids == expected)
        #expect(located.offsets.map(\.start) == starts)
    }

    @Test func itIsWrittenAsItWasRead() throws {
        let tokenizer = try TokenizerFolder.parse(text: Self.file, configuration: nil)
        let more = try tokenizer.withTokens(["<a>"], special: true)
        #expect(more.fileText.contains(#""type": "Whitespace""#))
        #expect(more.encode("a!<a>!a", addSpecialTokens: false) == [12, 1, 52, 1, 12])
    }
}
