import Foundation
import Testing
import TokenizerSupport
import Tokenizers

private let fixtures = TokenizerFixtures()

/// Added tokens that take white space along. Ids and offsets are those of tokenizers 0.23.3 with the
/// same tokenizer.json (scripts/references/tokenizer_literals.py).
@Suite struct AddedTokenTests {
    /// The gpt2 kind with further tokens, from id 2907 on.
    private func tokenizer(
        _ tokens: [(content: String, left: Bool, right: Bool)], normalized: Bool = false
    ) throws -> any Tokenizer {
        let file = try fixtures.file("gpt2") { front in
            var list = front["added_tokens"] as? [[String: Any]] ?? []
            for (number, token) in tokens.enumerated() {
                list.append([
                    "id": 2907 + number, "content": token.content, "single_word": false,
                    "lstrip": token.left, "rstrip": token.right, "normalized": normalized,
                    "special": false,
                ])
            }
            front["added_tokens"] = list
        }
        return try TokenizerFolder.parse(text: file, configuration: nil)
    }

    private func expect(
        _ tokenizer: any Tokenizer, _ text: String, _ ids: [Int32], _ offsets: [[Int32]],
        at place: SourceLocation = #_sourceLocation
    ) {
        let located = tokenizer.located(text)
        #expect(
            tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text.debugDescription)",
            sourceLocation: place)
        #expect(located.ids == ids, "\(text.debugDescription)", sourceLocation: place)
        #expect(
            located.offsets.map { [$0.start, $0.end] } == offsets, "\(text.debugDescription)",
            sourceLocation: place)
    }

    @Test func aTokenInSpaceTakenAlongCountsOnceMoreAtItsOwnPlace() throws {
        let right = try tokenizer([("  ", false, true)])
        expect(right, "é    b", [271, 2907, 2907, 65], [[0, 1], [1, 5], [3, 5], [5, 6]])
        expect(
            right, "[X]     é", [58, 55, 60, 2907, 2907, 271],
            [[0, 1], [1, 2], [2, 3], [3, 8], [5, 8], [8, 9]])
    }

    @Test(arguments: [false, true])
    func whatFollowsATokenInSpaceTakenAlongIsCutAfterIt(normalized: Bool) throws {
        let two = try tokenizer(
            [("[X]", false, true), ("  ", false, false)], normalized: normalized)
        expect(
            two, "[X]     é", [2907, 2908, 2908, 1459], [[0, 8], [3, 5], [5, 7], [7, 9]])
        expect(two, "[X]  \té", [2907, 2908, 197, 271], [[0, 6], [3, 5], [5, 6], [6, 7]])
    }

    @Test func aTokenThatTakesSpaceBeforeItIsNoneWhereAllOfItIsTaken() throws {
        let both = try tokenizer([("  ", true, true)])
        expect(both, "é    b", [271, 2907, 65], [[0, 1], [1, 5], [5, 6]])
        expect(
            both, "[X]     é", [58, 55, 60, 2907, 271],
            [[0, 1], [1, 2], [2, 3], [3, 8], [8, 9]])
        let left = try tokenizer([("[X]", false, true), ("\t", true, false)])
        expect(left, "[X]\té\t", [2907, 271, 2908], [[0, 4], [4, 5], [5, 6]])
    }
}
