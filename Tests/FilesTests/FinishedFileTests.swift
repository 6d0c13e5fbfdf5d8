import Files
import Foundation
import TestSupport
import Testing

@Suite struct FinishedFileTests {
    @Test func aFinishedFileReplacesTheOldOne() throws {
        let folder = TestFolder()
        folder.write("a", "old")
        folder.write("a.part", "new")
        try FinishedFile.put(folder("a.part"), at: folder("a"))
        #expect(String(decoding: folder.bytes("a"), as: UTF8.self) == "new")
        #expect(!FileManager.default.fileExists(atPath: folder("a.part")))
        try FinishedFile.syncFolder(folder.path)
    }

    @Test func aFileThatCannotTakeItsNameGoesAndTheOldOneStays() throws {
        let folder = TestFolder()
        folder.write("a/inside", "old")
        folder.write("a.part", "new")
        #expect(throws: FinishedFile.Failure(call: "rename", code: EISDIR)) {
            try FinishedFile.put(folder("a.part"), at: folder("a"))
        }
        #expect(!FileManager.default.fileExists(atPath: folder("a.part")))
        #expect(String(decoding: folder.bytes("a/inside"), as: UTF8.self) == "old")
    }

    @Test func aFolderThatIsNotThereIsNamed() {
        #expect(throws: FinishedFile.Failure(call: "open", code: ENOENT)) {
            try FinishedFile.syncFolder(TestFolder()("nowhere"))
        }
    }
}
