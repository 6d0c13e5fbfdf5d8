import Foundation
import Rewards
import TestSupport
import Testing

@Suite struct RewardTests {
    private func score(
        _ reward: String, _ completion: String, answer: String? = nil, tokens: Int = 1
    ) throws -> Double? {
        let reward = try RewardCatalog.reward(reward, .init(longest: 100, timeout: 5))
        defer { reward.stop() }
        return try reward.scores(of: [
            RewardItem(
                prompt: "p", completion: completion, text: "p " + completion, answer: answer,
                row: 3, place: "data line 4",
                tokens: tokens)
        ])[0]
    }

    @Test(arguments: [
        ("exact_match", " 42\n", "42", 1.0), ("exact_match", "42.", "42", 0),
        ("contains", "It is Paris, I think.", "Paris", 1), ("contains", "paris", "Paris", 0),
        ("numeric", "2 + 5 = 7", "7", 1), ("numeric", "7 or 8", "7", 0),
        ("numeric", "So 1,234.50 dollars", "#### 1234.5", 1), ("numeric", "no idea", "7", 0),
        ("numeric", "Steps 3 #### 9, then 4", "9", 1), ("numeric", "\\boxed{-3} of 5", "-3", 1),
        ("numeric", "10-4", "4", 1), ("numeric", "it is -4", "-4", 1), ("numeric", "3.", "3", 1),
        ("json", " {\"a\": [1, 2]} ", "", 1), ("json", "[1]", "", 1), ("json", "7", "", 0),
        ("json", "{\"a\": 1} and more", "", 0), ("json", "{a: 1}", "", 0),
        ("think_format", "<think>hm</think> 4", "", 1), ("think_format", "<think>4", "", 0),
        ("think_format", "So <think>hm</think>", "", 0),
        ("think_format", "<think>a</think><think>b</think>", "", 0),
        ("regex:^[0-9]+$", "123", "", 1), ("regex:^[0-9]+$", "a1", "", 0),
        ("regex:b:c", "ab:cd", "", 1),
    ])
    func completionsAreScored(
        _ reward: String, _ completion: String, _ answer: String, _ expected: Double
    ) throws {
        #expect(try score(reward, completion, answer: answer) == expected)
    }

    @Test func aRewardHasNothingToSayWithoutARightAnswer() throws {
        for reward in ["exact_match", "contains", "numeric"] {
            #expect(try score(reward, "x") == nil)
            #expect(try RewardCatalog.reward(reward, .init(longest: 1, timeout: 1)).needsAnswer)
        }
        #expect(try score("numeric", "5", answer: "five") == nil)
    }

    @Test func lengthCostsNothingUpToFourFifths() throws {
        for (tokens, expected) in [(1, 0.0), (80, 0), (90, -0.5), (100, -1), (120, -1)] {
            #expect(try score("length", "", tokens: tokens) == expected)
        }
    }

    @Test(arguments: [
        "exact", "regex:", "regex:(", "command:", "api:", "api:https://x", "api:x", "model:x",
    ])
    func whatIsNoRewardIsRefused(_ text: String) {
        #expect(throws: RewardError.self) { try score(text, "x") }
    }
}

@Suite struct CommandRewardTests {
    private func item(_ row: Int) -> RewardItem {
        RewardItem(
            prompt: "a \"b\"\nc", completion: "text \(row)", text: "", answer: row == 2 ? nil : "7",
            row: row,
            place: "rows.json line \(row + 1)", tokens: 1)
    }

    /// A shell script as a reward.
    private func reward(_ script: String, timeout: Double = 20) throws -> (
        CommandReward, TestFolder
    ) {
        let folder = TestFolder()
        let path = folder.write("score.sh", script)
        return (CommandReward("sh \(path)", timeout: timeout), folder)
    }

    @Test func oneProcessAnswersEachLine() throws {
        let (reward, folder) = try reward(
            """
            n=0
            while read -r line; do
              n=$((n + 1))
              printf '%s\\n' "$line" >> "$(dirname "$0")/seen"
              case $n in 3) echo null;; *) echo "{\\"score\\": $n.5}";; esac
            done
            """)
        let first = try reward.scores(of: [item(1), item(2), item(3)])
        let second = try reward.scores(of: [item(4)])
        reward.stop()
        #expect(first == [1.5, 2.5, nil] && second == [4.5])
        let seen = try String(decoding: folder.bytes("seen"), as: UTF8.self).split(separator: "\n")
            .map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
        try #require(seen.count == 4)
        #expect(Set(seen[0].keys) == ["prompt", "completion", "answer", "row"])
        #expect(seen[0]["prompt"] as? String == "a \"b\"\nc")
        #expect(seen[0]["completion"] as? String == "text 1")
        #expect(seen[0]["answer"] as? String == "7" && seen[0]["row"] as? Int == 1)
        #expect(seen[1]["answer"] is NSNull)
    }

    @Test(arguments: [
        ("read line; echo '{\"score\": 1}'; read line; exit 3", "ended with status 3"),
        ("read line; echo '{\"score\": 1}'; echo '{\"score\": \"x\"}'; read x; read y", "answered"),
        ("read line; echo '{\"score\": 1}'; read line; sleep 30", "gave no answer within 0.5 s"),
    ])
    func aFailureNamesItsRow(_ script: String, _ message: String) throws {
        let (reward, folder) = try reward(script, timeout: 0.5)
        defer { withExtendedLifetime(folder) {} }
        let error = #expect(throws: RewardError.self) {
            try reward.scores(of: [item(1), item(2)])
        }
        let text = error?.description ?? ""
        #expect(text.contains(message) && text.contains("row 2 (rows.json line 3)"), "\(text)")
    }
}
