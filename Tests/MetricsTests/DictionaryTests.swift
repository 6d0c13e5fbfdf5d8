import Foundation
import Metrics
import TestSupport
import Testing

/// Dictionaries that cannot be used.
@Suite struct DictionaryTests {
    @Test func unusableDictionariesAreExplained() throws {
        try withTemporaryFolder { place throws in
            func message(_ content: String?) throws -> String {
                let file = place.appendingPathComponent("words.txt")
                try? FileManager.default.removeItem(at: file)
                if let content { try Data(content.utf8).write(to: file) }
                do {
                    _ = try WordSegmenter(dictionary: file.path)
                    return "accepted"
                } catch {
                    return error.description
                }
            }
            #expect(try message(nil).contains("scripts/fetch_jieba.sh"))
            #expect(try message("").contains("no words"))
            #expect(try message("中国 5 ns\n北京\n").contains("words.txt, line 2"))
            #expect(try message("中国 5 ns\n\n北京 3 ns\n").contains("line 2"))
            #expect(try message("中国 many ns").contains("line 1"))
            #expect(try message("中国 5 ns\n北京 3") == "accepted")
            // Windows line ends, and a word that stands twice.
            #expect(try message("中国 5 ns\r\n中国 3\r\n") == "accepted")
            // A pipe is not waited for.
            let pipe = place.appendingPathComponent("pipe").path
            #expect(mkfifo(pipe, 0o600) == 0)
            #expect(throws: DictionaryError.self) { _ = try WordSegmenter(dictionary: pipe) }
        }
    }

    @Test func brokenTableOfCharactersIsExplained() throws {
        try withTemporaryFolder { place throws in
            try Data("中国 5 ns\n".utf8).write(to: place.appendingPathComponent("dict.txt"))
            let folder = place.appendingPathComponent("finalseg")
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true)
            for content in ["P={}", "P={'B': {'\\u4e00': -3.6}}", "P={'B': {'\\u4e00': x}}"] {
                try Data(content.utf8).write(to: folder.appendingPathComponent("prob_emit.py"))
                #expect {
                    try WordSegmenter(dictionary: place.path)
                } throws: { error in
                    "\(error)".contains("prob_emit.py")
                }
            }
        }
    }
}
