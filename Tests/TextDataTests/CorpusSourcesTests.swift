import Foundation
import TestSupport
import Testing
import TextData

@Suite struct CorpusSourcesTests {
    private let folder = TestFolder()

    @Test("gzip members, zstd frames and dictzip unpack to the original text")
    func packedFilesGiveTheOriginalText() throws {
        let original = String(decoding: readBytes(reference("story.txt")), as: UTF8.self)
        for name in ["story.txt", "story.txt.gz", "story.txt.zst", "story.dict.dz"] {
            let output = folder(name + "-out")
            try prepare([reference(name)], to: output)
            #expect(try documents(output) == [original], "\(name)")
        }
    }

    @Test("A packed file is cut into the same pieces as the plain one")
    func piecesDoNotDependOnPacking() throws {
        try prepare([reference("story.txt")], to: folder("plain")) { $0.pieceBytes = 1000 }
        let plain = try allTokens(folder("plain"))
        for name in ["story.txt.gz", "story.txt.zst"] {
            try prepare([reference(name)], to: folder(name)) { $0.pieceBytes = 1000 }
            #expect(try allTokens(folder(name)) == plain)
        }
    }

    @Test("A packed file that ends early is an error naming the file", arguments: ["gz", "zst"])
    func truncatedStreamIsAnError(ending: String) throws {
        let whole = readBytes(reference("story.txt.\(ending)"))
        for count in [10, whole.count / 3, whole.count - 700] {
            let path = folder.write("cut\(count).txt.\(ending)", Array(whole[..<count]))
            let error = corpusError { () throws(CorpusError) in
                try prepare([path], to: folder("out"))
            }
            guard case .damaged(path, _, let problem) = error else {
                Issue.record("\(count) bytes: \(String(describing: error))")
                continue
            }
            #expect(problem.contains("truncated"))
            #expect(folder.names("out") == [], "no shard, no leftover")
        }
    }

    @Test("A file that is not packed as its name says is an error", arguments: ["gz", "zst"])
    func wrongPackingIsAnError(ending: String) {
        for content in ["plain text, not packed at all", ""] {
            let path = folder.write("false.txt.\(ending)", content)
            let other = folder.write("other.txt", "so that the corpus is not empty")
            let error = corpusError { () throws(CorpusError) in
                try prepare([path, other], to: folder("out"))
            }
            guard case .damaged(path, _, _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test("A flipped byte in a gzip file is noticed")
    func flippedByteInGzipIsNoticed() {
        var bytes = readBytes(reference("story.txt.gz"))
        bytes[bytes.count / 4] ^= 0x10
        let path = folder.write("flipped.txt.gz", bytes)
        let error = corpusError { () throws(CorpusError) in
            try prepare([path], to: folder("out"))
        }
        guard case .damaged(path, "gzip", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("A folder is searched in depth, in the order of bytes, hidden and other files aside")
    func foldersAreSearchedInOrder() throws {
        for name in [
            "b/2.txt", "b/10.txt", "a.txt", "Z.md", "b/c/é.text", ".hidden.txt", ".git/x.txt",
        ] {
            folder.write("in/" + name, "in " + name)
        }
        folder.write("in/picture.png", [1, 2, 3])
        try FileManager.default.createSymbolicLink(
            atPath: folder("in/b/loop"), withDestinationPath: folder("in"))
        let preparation = CorpusPreparation(
            inputs: [folder("in/")], output: folder("in/out"), encoder: byteEncoder)
        let plan = try preparation.plan()
        #expect(
            plan.files.map(\.name) == [
                "in/Z.md", "in/a.txt", "in/b/10.txt", "in/b/2.txt", "in/b/c/é.text",
            ])
        #expect(plan.passedOver == [folder("in//picture.png")])
        // The output lies inside the input and is not read when preparing again.
        try prepare([folder("in")], to: folder("in/out"))
        let again = try prepare([folder("in")], to: folder("in/out"))
        #expect(again.inputs.count == 5)
        #expect(try documents(folder("in/out")) == plan.files.map { "in " + $0.name.dropFirst(3) })
    }

    @Test("Patterns match files, also across folders; a file named twice is read once")
    func patternsMatch() throws {
        for name in ["x1.txt", "x2.txt", "y1.txt", "d/x3.txt", "d/e/x4.txt", "x[5].txt"] {
            folder.write("in/" + name, name)
        }
        func names(_ inputs: String...) throws(CorpusError) -> [String] {
            let preparation = CorpusPreparation(
                inputs: inputs.map { folder("in/" + $0) }, output: folder("out"),
                encoder: byteEncoder)
            return try preparation.plan().files.map { ($0.path as NSString).lastPathComponent }
        }
        #expect(try names("x?.txt") == ["x1.txt", "x2.txt"])
        #expect(try names("y1.txt", "x[12].txt", "*1.txt") == ["y1.txt", "x1.txt", "x2.txt"])
        #expect(try names("d/**/*.txt") == ["x3.txt", "x4.txt"])
        #expect(try names("**/x4.txt") == ["x4.txt"])
        #expect(try names("d/**") == ["x4.txt", "x3.txt"])
        #expect(try names("x[5].txt") == ["x[5].txt"], "a name that exists is no pattern")
        #expect(
            corpusError { () throws(CorpusError) in _ = try names("nothing*.txt") }
                == .noInput(folder("in/nothing*.txt")))
    }

    @Test("Inputs that cannot be read are refused before anything is written")
    func badInputsAreRefused() {
        func error(_ inputs: [String]) -> CorpusError? {
            corpusError { () throws(CorpusError) in try prepare(inputs, to: folder("out")) }
        }
        let table = folder.write("table.csv", "text\na\n")
        let packed = folder.write("table.parquet.gz", "PAR1")
        let empty = folder.write("empty.txt", "")
        folder.write("folder/readme.pdf", "%PDF")
        #expect(error([folder("missing.txt")]) == .noInput(folder("missing.txt")))
        #expect(error([table]) == .unsupportedFile(file: table, kind: "a .csv file"))
        #expect(error([packed]) == .unsupportedFile(file: packed, kind: "a packed .parquet file"))
        #expect(error([empty]) == .emptyCorpus(empty))
        #expect(error([folder("folder")]) == .emptyCorpus(folder("folder")))
        #expect(error([]) == .emptyCorpus("an empty list of inputs"))
        #expect(!FileManager.default.fileExists(atPath: folder("out")))
    }
}
