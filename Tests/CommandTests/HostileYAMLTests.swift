import Foundation
import Testing
import lockstep

/// Configuration files that are damaged or meant to do harm.
@Suite struct HostileYAMLTests {
    private func message(_ text: String) -> String {
        do {
            _ = try YAMLDocument(text: text, file: "run.yaml")
            return "read"
        } catch {
            return "\(error)"
        }
    }

    /// Levels of lists, each of ten aliases of the one before.
    private func laughs(_ levels: Int, uses: Int = 10) -> String {
        var text = "a0: &a0 [x]\n"
        for level in 1...levels {
            let aliases = [String](repeating: "*a\(level - 1)", count: uses)
            text += "a\(level): &a\(level) [\(aliases.joined(separator: ","))]\n"
        }
        return text
    }

    @Test func aliasesThatStandForNoEndOfValuesAreRefused() {
        #expect(message(laughs(9)).contains("more than 16 aliases (*name)"))
        #expect(message(laughs(60, uses: 2)).contains("more than 16 aliases"))
        // As keys, which have to be compared with one another.
        let keys = laughs(9) + "? *a9\n: 1\n? [*a9]\n: 2\n"
        #expect(message(keys).contains("more than 16 aliases"))
    }

    @Test func aFewAliasesOfManyValuesAreRefused() {
        let list = "[" + [String](repeating: "x", count: 30_000).joined(separator: ",") + "]"
        let text = "a: &a \(list)\nb: [*a, *a, *a, *a]\n"
        #expect(message(text).contains("more than 100000 values, aliases (*name) included"))
    }

    @Test func anAliasStandsForItsValue() throws {
        let text = "a: &a [1, 2]\nb: *a\nprompt: '*very* good & *so* on'\n"
        let values = try YAMLDocument(text: text, file: "run.yaml").values
        #expect(values["b"]?.content == values["a"]?.content)
    }

    @Test func listsDeepInOneAnotherAreRefused() {
        for depth in [40, 900, 100_000] {
            let text =
                "a: " + String(repeating: "[", count: depth)
                + String(repeating: "]", count: depth)
            let said = message(text)
            #expect(said != "read" && !said.contains("\n"), "\(said)")
            if depth == 40 { #expect(said.contains("lie more than 32 deep in one another")) }
        }
        let maps = (0..<500).map { String(repeating: " ", count: $0) + "a:" }
        #expect(message(maps.joined(separator: "\n")).contains("32 deep"))
    }

    @Test func aNULCharacterIsNamedWithItsKey() {
        let said = message("stage: pt\noutput_dir: \"a\\0b\"\n")
        #expect(
            said == "run.yaml line 2: output_dir: a NUL character (\\0) found, which no path or "
                + "name has; remove it")
        #expect(message("\"a\\0b\": 1").contains("a\\0b: a NUL character"))
    }

    @Test func aFileThatIsNoneIsRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(mkfifo(folder + "/pipe.yaml", 0o600) == 0)
        try Data(count: (1 << 20) + 1).write(to: URL(filePath: folder + "/large.yaml"))
        for (name, words) in [
            ("pipe.yaml", "a pipe found, a file expected"), ("large.yaml", "at most 1048576"),
            ("none.yaml", "give a YAML file of keys and values"),
        ] {
            do {
                _ = try YAMLDocument(contentsOf: folder + "/" + name)
                Issue.record("\(name) was read")
            } catch {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
    }
}
