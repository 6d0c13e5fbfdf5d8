import Foundation
import Testing

/// Runs that go on with shards prepared anew, or with other rows, are refused or told what changed.
@Suite struct ChangedRowsTests {
    /// Requires that a run in `out` does not go on, says why, and leaves what it found; and that it
    /// goes on where it is told to.
    private func expectRefused(
        _ folder: TrialFolder, _ finding: String, beside settings: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let names = folder.names("out")
        let run = try folder.run(["train", "run.yaml", "max_steps=6"] + settings)
        #expect(run.status == 2, "\(run.errors)", sourceLocation: sourceLocation)
        let text = run.messages.first ?? ""
        #expect(
            run.messages.count == 1 && text.contains(finding)
                && text.contains("set allow_changed_data: true to go on with what is there now"),
            "\(text)", sourceLocation: sourceLocation)
        #expect(folder.names("out") == names, sourceLocation: sourceLocation)
        let on = try folder.run(
            ["train", "run.yaml", "max_steps=6", "allow_changed_data=true"] + settings)
        #expect(on.status == 0, "\(on.errors)", sourceLocation: sourceLocation)
        #expect(
            on.says("going on with that (allow_changed_data)") && on.says(finding), "\(on.errors)",
            sourceLocation: sourceLocation)
        #expect(try folder.log().last?.step == 6, sourceLocation: sourceLocation)
    }

    private func goesOn(
        _ folder: TrialFolder, _ settings: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let run = try folder.run(["train", "run.yaml", "max_steps=6"] + settings)
        #expect(run.status == 0, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(!run.says("changed"), "\(run.errors)", sourceLocation: sourceLocation)
        #expect(try folder.log().last?.step == 6, sourceLocation: sourceLocation)
    }

    // MARK: Shards

    private func pretraining() throws -> TrialFolder {
        let folder = try TokenizerSample.prepared()
        let run = try folder.run(["train", "run.yaml", "max_steps=4"])
        try #require(run.status == 0, "\(run.errors)")
        return folder
    }

    private func prepareAnew(_ folder: TrialFolder, _ documents: [String]) throws {
        try folder.write("text.jsonl", documents.map { "{\"text\": \"\($0)\"}\n" }.joined())
        let run = try folder.run(["prepare", "run.yaml", "overwrite_cache=true"])
        try #require(run.status == 0, "\(run.errors)")
    }

    @Test func shardsOfTheSameTextPreparedAnewAreNoChange() throws {
        let folder = try pretraining()
        try prepareAnew(folder, TokenizerSample.documents())
        try goesOn(folder)
    }

    @Test func shardsWithTwoDocumentsExchangedAreNoticed() throws {
        let folder = try pretraining()
        var documents = TokenizerSample.documents()
        documents.swapAt(3, 150)
        try prepareAnew(folder, documents)
        try expectRefused(folder, "its tokens are others")
    }

    @Test func shardsWithADocumentMoreAreNoticed() throws {
        let folder = try pretraining()
        try prepareAnew(folder, TokenizerSample.documents() + ["the cat sat on the mat."])
        try expectRefused(folder, "out/checkpoint-4.h5 was trained on ")
    }

    @Test func shardsOfOtherTextOfTheSameLengthAreNoticed() throws {
        let folder = try pretraining()
        var documents = TokenizerSample.documents()
        // Two words of a document exchanged, so that there are as many tokens as before.
        var words = documents[7].split(separator: " ").map(String.init)
        let place = try #require(
            (1..<words.count - 2).first { words[$0] != words[$0 + 1] })
        words.swapAt(place, place + 1)
        documents[7] = words.joined(separator: " ")
        try prepareAnew(folder, documents)
        try expectRefused(folder, "its tokens are others")
    }

    @Test func theTextThatARunItselfTokenizesIsComparedToo() throws {
        let folder = try TokenizerSample.prepared()
        let settings = ["tokenized_path=null"]
        let run = try folder.run(["train", "run.yaml", "max_steps=4"] + settings)
        try #require(run.status == 0, "\(run.errors)")
        var documents = TokenizerSample.documents()
        documents.swapAt(0, 1)
        try folder.write("text.jsonl", documents.map { "{\"text\": \"\($0)\"}\n" }.joined())
        try expectRefused(
            folder, "its tokens are others", beside: settings + ["overwrite_cache=true"])
    }

    // MARK: Rows

    private func finetuning(_ settings: [String] = []) throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["max_steps=4"] + settings)
        return folder
    }

    private func replace(_ folder: TrialFolder, _ text: String, by other: String) throws {
        let rows = String(decoding: try folder.data("data/rows.json"), as: UTF8.self)
        try #require(rows.contains(text))
        try folder.write("data/rows.json", rows.replacing(text, with: other))
    }

    @Test func anAnswerThatChangedIsNoticed() throws {
        let folder = try finetuning()
        try replace(folder, "\"36\"", by: "\"63\"")
        try expectRefused(folder, "its tokens are others")
    }

    @Test func aQuestionThatChangedIsNoticed() throws {
        let folder = try finetuning()
        try replace(folder, "\"2 and 5\"", by: "\"3 and 5\"")
        try expectRefused(folder, "the rows of its files are others")
    }

    @Test func aRowMoreIsNoticed() throws {
        let folder = try finetuning()
        try replace(
            folder, "[\n {",
            by: "[\n {\"instruction\": \"Say no.\", \"input\": \"\", \"output\": \"No.\"},\n {")
        try expectRefused(folder, "out/checkpoint-4.h5 was trained on ")
    }

    @Test func anotherTemplateIsNoticed() throws {
        try expectRefused(
            try finetuning(), "out/checkpoint-4.h5 was trained on ", beside: ["template=alpaca"])
    }

    @Test func rowsOfAStreamThatChangedAreNoticed() throws {
        let settings = ["streaming=true", "buffer_size=4"]
        let folder = try finetuning(settings)
        try replace(folder, "2 + 5 = 7", by: "2 + 5 = 8")
        try expectRefused(folder, "the rows of its files are others", beside: settings)
    }

    @Test func theSameRowsInAFileWrittenAnewAreNoChange() throws {
        let folder = try finetuning()
        let rows = try folder.data("data/rows.json")
        try folder.remove("data/rows.json")
        try folder.write("data/rows.json", rows)
        try goesOn(folder)
    }
}
