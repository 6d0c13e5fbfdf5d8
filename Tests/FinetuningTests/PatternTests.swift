import Finetuning
import Foundation
import TestSupport
import Testing

/// Regular expressions, against Python's `re` (scripts/references/peft_options.py).
@Suite struct PatternTests {
    private static func table() throws -> (texts: [String], rows: [[String: Any]]) {
        let object = try References.object("peft_options/patterns.json")
        return (
            object["texts"] as? [String] ?? [], object["patterns"] as? [[String: Any]] ?? []
        )
    }

    @Test func whatMatchesIsWhatMatchesInPython() throws {
        let (texts, rows) = try Self.table()
        #expect(texts.count > 15 && rows.count > 70)
        for row in rows {
            let pattern = try #require(row["pattern"] as? String)
            guard let whole = row["fullmatch"] as? String, let begun = row["match"] as? String
            else { continue }
            let compiled = try Pattern(pattern, setting: "target_modules")
            for (index, text) in texts.enumerated() {
                let (place, end) = (whole.index(whole.startIndex, offsetBy: index), text.count)
                #expect(
                    compiled.matches(text) == (whole[place] == "1"), "\(pattern) on \(text), \(end)"
                )
                #expect(
                    compiled.matchesBeginning(text) == (begun[place] == "1"),
                    "\(pattern) at the start of \(text)")
            }
        }
    }

    @Test func whatPythonDoesNotReadIsRefused() throws {
        for row in try Self.table().rows where row["fullmatch"] is NSNull {
            let pattern = try #require(row["pattern"] as? String)
            #expect(throws: FinetuningError.self, "\(pattern.prefix(20))") {
                _ = try Pattern(pattern, setting: "target_modules")
            }
        }
    }

    @Test(arguments: [
        ("(.*)*(.*)*(.*)*x$", "c"), ("(a|a)*c", "d"), ("(a*)*b", "a"), ("(a?){60}a{60}", "b"),
        ("(?=(a*)*b)(a+)+", "a"), (#"(\w+\s?)*z"#, "a"),
    ])
    func expressionsThatTakeForeverElsewhereEnd(pattern: String, end: String) throws {
        let compiled = try Pattern(pattern, setting: "target_modules")
        let text = String(repeating: "a", count: 200) + end
        #expect(!compiled.matches(text))
    }

    @Test(arguments: [
        (#"(a)\1"#, "a reference to a group"), ("(?i)a", "the group (?i"),
        ("(?>a)b", "the group (?>"), ("a++b", "a possessive repetition"),
        ("(?P=name)", "the group (?P"), ("((a{1000}){1000}){1000}", "more than 2000 places"),
        ("((){1000}){1000}", "more than 2000 places"), ("a{99999999999}", "more than 1000"),
        (String(repeating: "(", count: 5000), "more than 64 groups"),
        (String(repeating: "(?:", count: 5000) + String(repeating: ")*", count: 5000), "64 groups"),
    ])
    func whatIsNotMatchedHereIsRefusedByName(pattern: String, named: String) {
        #expect {
            _ = try Pattern(pattern, setting: "target_modules")
        } throws: {
            "\($0)".hasPrefix("target_modules ") && "\($0)".contains(named)
                && "\($0)".count < 300
        }
    }
}
