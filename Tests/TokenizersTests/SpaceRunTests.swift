import Foundation
import Testing
import TokenizerSupport
import Tokenizers

private let fixtures = TokenizerFixtures()

/// Normalizers that replace runs of white space. Ids are those of tokenizers 0.23.3 with the same
/// tokenizer.json (scripts/references/tokenizer_literals.py).
@Suite struct SpaceRunTests {
    /// With characters of two to four bytes at the ends and beside white space.
    private static let texts = [
        "voilà la mer", "日本 語  \u{3000}ok", "\u{2003}\u{A0}é  x", "é", "a  Привет \u{85}", "  😀 ",
    ]

    private static func replace(_ run: String, _ new: String) -> [String: Any] {
        ["type": "Replace", "pattern": ["Regex": run], "content": new]
    }

    @Test(arguments: [
        (
            #"\s+"#, " ",
            [
                [85, 78, 72, 75, 2290, 220, 388, 220, 76, 373],
                [162, 245, 98, 162, 250, 105, 2143, 103, 252, 2364, 74], [1459, 220, 87], [271],
                [64, 1486, 220], [1501, 220],
            ] as [[Int32]]
        ),
        (
            #"\s+"#, "",
            [
                [85, 78, 72, 75, 2290, 75, 350, 373],
                [162, 245, 98, 162, 250, 105, 164, 103, 252, 78, 74], [271, 87], [271], [64, 973],
                [279],
            ]
        ),
        (
            #"\s{2,}"#, " ",
            [
                [85, 78, 72, 75, 2290, 220, 388, 220, 76, 373],
                [162, 245, 98, 162, 250, 105, 2143, 103, 252, 2364, 74], [1459, 220, 87], [271],
                [64, 1486, 220], [1501, 220],
            ]
        ),
        (
            #"\s{2,}"#, "",
            [
                [85, 78, 72, 75, 2290, 220, 388, 220, 76, 373],
                [162, 245, 98, 162, 250, 105, 2143, 103, 252, 78, 74], [271, 87], [271], [64, 973],
                [279, 220],
            ]
        ),
    ])
    func whiteSpaceIsReplacedAmongCharactersOfSeveralBytes(
        run: String, new: String, expected: [[Int32]]
    ) throws {
        let file = try fixtures.file("gpt2") { $0["normalizer"] = Self.replace(run, new) }
        let tokenizer = try TokenizerFolder.parse(text: file, configuration: nil)
        for (text, ids) in zip(Self.texts, expected) {
            #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(run): \(text)")
            #expect(tokenizer.encodeWithOffsets(text).ids == ids, "\(run): \(text)")
        }
    }

    /// The mark (id 0) goes before what stands at the beginning of the text as it was given.
    @Test(arguments: [
        (#"\s+"#, "", [[2], [1], [1]] as [[Int32]]), (#"\s+"#, " ", [[2], [2], [2]]),
        (#"\s+"#, "a", [[2], [2, 1], [1, 1]]), (" {2,}", "a", [[2], [2], [1, 1]]),
        (#"\A +| +\z"#, "", [[2], [1], [1]]), (#"\A +| +\z"#, "a", [[2], [2, 1], [1, 1]]),
    ])
    func aMarkBeforeTheFirstWordNeedsTheFirstCharacter(
        run: String, new: String, expected: [[Int32]]
    ) throws {
        let file: [String: Any] = [
            "normalizer": Self.replace(run, new),
            "pre_tokenizer": [
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false,
            ],
            "decoder": [
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false,
            ],
            "model": [
                "type": "BPE", "vocab": ["▁": 0, "a": 1, "▁a": 2, " ": 3], "merges": [["▁", "a"]],
            ],
        ]
        let text = String(
            decoding: try JSONSerialization.data(withJSONObject: file), as: UTF8.self)
        let tokenizer = try TokenizerFolder.parse(text: text, configuration: nil)
        for (text, ids) in zip(["a", " a", "  a"], expected) {
            #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(run): \(text)")
            #expect(tokenizer.encodeWithOffsets(text).ids == ids, "\(run): \(text)")
        }
    }
}
