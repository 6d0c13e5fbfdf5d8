package import Datasets
import Files
import Foundation
import Templates

/// A dataset of running text of which a part is taken, or whose documents do not lie as a corpus's
/// do: written once as a file of records that a corpus can be made of.
package struct CorpusSelection: Sendable, Equatable {
    /// What the user called it.
    package let name: String
    /// Files, folders or patterns.
    package let paths: [String]
    /// The column of records and tables that holds the text.
    package let textColumn: String
    /// The field of the records that are written.
    package let writtenColumn: String
    /// Each line of a text file is a document; else the whole file.
    package let linesAreDocuments: Bool
    /// Documents that are drawn.
    package let sampleCount: Int?
    /// Documents that are taken at most, the first ones.
    package let limit: Int?

    package init(
        name: String, paths: [String], textColumn: String, writtenColumn: String,
        linesAreDocuments: Bool, sampleCount: Int?, limit: Int?
    ) {
        self.name = name
        self.paths = paths
        self.textColumn = textColumn
        self.writtenColumn = writtenColumn
        self.linesAreDocuments = linesAreDocuments
        self.sampleCount = sampleCount
        self.limit = limit
    }

    /// A document: a row, a line, or a whole file.
    private struct Document {
        let file: Int
        let place: RowFile.Place
    }

    private enum Source {
        case rows(RowFile)
        case text(MappedFile)
    }

    /// The documents that take part, and where they are read.
    private struct Reading {
        let selection: CorpusSelection
        let sources: [Source]
        let documents: [Document]
        /// When the newest file was changed, in seconds since 1970.
        let changed: Int

        func text(_ number: Int) throws(CorpusError) -> String {
            let document = documents[number]
            return try selection.text(of: document, sources[document.file])
        }
    }

    private func reading(
        _ generator: inout LegacyNumPyGenerator
    ) throws(CorpusError) -> Reading {
        let files = try files()
        var sources: [Source] = []
        var documents: [Document] = []
        for (number, file) in files.enumerated() {
            let source = try open(file)
            sources.append(source)
            try find(in: source, number, &documents)
        }
        if let sampleCount {
            documents = generator.drawn(sampleCount, of: documents.count).map { documents[$0] }
        }
        if let limit, documents.count > limit { documents.removeLast(documents.count - limit) }
        return Reading(
            selection: self, sources: sources, documents: documents,
            changed: files.map(\.modified).max() ?? 0)
    }

    // MARK: Reading

    /// The files in reading order. A table is one, too, though a corpus has none.
    private func files() throws(CorpusError) -> [(path: String, modified: Int)] {
        var tables: [(path: String, modified: Int)] = []
        var search = CorpusSearch(excludedFolder: "")
        for path in paths {
            if isTable(path), let status = CorpusSearch.status(path) {
                tables.append((path, status.st_mtim.tv_sec))
            } else {
                try search.add(path)
            }
        }
        for file in search.files where file.compression != .none && !file.isTable {
            throw .setting(
                name: sampleCount == nil ? "max_samples" : "num_samples",
                found: "a part of \(file.path), which is compressed",
                expected: "a file that is unpacked, or all of it")
        }
        return tables + search.files.map { ($0.path, $0.modified / 1_000_000_000) }
    }

    private func isTable(_ path: String) -> Bool { path.lowercased().hasSuffix(".csv") }

    private func open(_ file: (path: String, modified: Int)) throws(CorpusError) -> Source {
        let kind = CorpusFile.kind(of: (file.path as NSString).lastPathComponent)?.format
        if isTable(file.path) || kind == .json || kind == .jsonLines {
            do {
                return .rows(try RowFile(file.path))
            } catch {
                throw .instructions(error)
            }
        }
        return try CorpusError.ofFile { () throws(FileProblem) in
            .text(try MappedFile(file.path))
        }
    }

    /// Adds the places of a file's documents, no more than will be taken.
    private func find(
        in source: Source, _ number: Int, _ documents: inout [Document]
    ) throws(CorpusError) {
        // Drawing needs to know all.
        let most = sampleCount == nil ? limit ?? .max : .max
        switch source {
        case .rows(let file):
            do throws(ConversationError) {
                var places = try file.places()
                while documents.count < most, let place = try places.next() {
                    documents.append(Document(file: number, place: place))
                }
            } catch {
                throw .instructions(error)
            }
        case .text(let file):
            guard linesAreDocuments else {
                guard documents.count < most, !file.bytes.isEmpty else { return }
                let whole = RowFile.Place(offset: 0, count: file.bytes.count, position: .line(1))
                documents.append(Document(file: number, place: whole))
                return
            }
            var start = file.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
            var line = 1
            while documents.count < most, start < file.bytes.count {
                let end = file.bytes[start...].firstIndex(of: 0x0A) ?? file.bytes.count
                let place = RowFile.Place(offset: start, count: end - start, position: .line(line))
                documents.append(Document(file: number, place: place))
                start = end + 1
                line += 1
            }
        }
    }

    private func text(of document: Document, _ source: Source) throws(CorpusError) -> String {
        let place = document.place
        switch source {
        case .text(let file):
            let bytes = file.bytes[place.offset..<place.offset + place.count]
            let text = String(decoding: bytes, as: UTF8.self)
            return linesAreDocuments && bytes.last == 0x0D ? String(text.dropLast()) : text
        case .rows(let file):
            func wrong(_ problem: String) -> CorpusError {
                .badRecord(file: file.name, place: "\(place.position)", problem: problem)
            }
            do throws(RowProblem) {
                let row = try file.row(at: place)
                guard let value = row.member(textColumn) else {
                    let names = row.members?.prefix(6).map(\.key).joined(separator: ", ") ?? ""
                    throw RowProblem(
                        found: "no field \"\(textColumn)\" (fields found: \(names))",
                        expected: "the one that holds the text")
                }
                guard let text = value.string else {
                    throw RowProblem(found: "\(textColumn): \(value.kind)", expected: "text")
                }
                return text
            } catch {
                throw wrong("\(error.found) found, \(error.expected) expected")
            }
        }
    }

    // MARK: Writing

    /// Writes documents, one record a line. The file's time of change is that of the newest file
    /// read, so that an interrupted preparation goes on.
    private func write(
        _ order: [(reading: Reading, document: Int)], to output: String, changed: Int
    ) throws(CorpusError) {
        let unfinished = output + ".unfinished"
        guard FileManager.default.createFile(atPath: unfinished, contents: nil),
            let handle = FileHandle(forWritingAtPath: unfinished)
        else { throw .system(call: "open", code: errno, file: unfinished) }
        do throws(CorpusError) {
            var lines = ""
            for (number, place) in order.enumerated() {
                let text = try place.reading.text(place.document)
                lines += JSONValue.object([(key: writtenColumn, value: .string(text))]).text()
                lines += "\n"
                guard lines.utf8.count > 1 << 20 || number == order.count - 1 else { continue }
                try append(lines, to: handle, unfinished)
                lines = ""
            }
            try finish(unfinished, as: output, changed: changed)
        } catch {
            try? handle.close()
            unlink(unfinished)
            throw error
        }
        try? handle.close()
    }

    private func append(
        _ text: String, to handle: FileHandle, _ path: String
    ) throws(CorpusError) {
        do {
            try handle.write(contentsOf: Data(text.utf8))
        } catch {
            throw .system(call: "write", code: errno, file: path)
        }
    }

    private func finish(
        _ unfinished: String, as output: String, changed: Int
    ) throws(CorpusError) {
        let date = Date(timeIntervalSince1970: Double(changed))
        do {
            try FileManager.default.setAttributes(
                [.modificationDate: date], ofItemAtPath: unfinished)
        } catch {
            throw .system(call: "utimes", code: errno, file: unfinished)
        }
        try ShardWriter.put(unfinished, at: output)
    }
}

extension CorpusSelection {
    /// The first documents as they lie; nothing is drawn or written.
    ///
    /// - Parameter count: of documents at most.
    package func beginnings(_ count: Int) throws(CorpusError) -> [String] {
        let first = CorpusSelection(
            name: name, paths: paths, textColumn: textColumn, writtenColumn: writtenColumn,
            linesAreDocuments: linesAreDocuments, sampleCount: nil,
            limit: min(limit ?? count, count))
        var generator = LegacyNumPyGenerator(seed: 0)
        let reading = try first.reading(&generator)
        var texts: [String] = []
        for number in reading.documents.indices { texts.append(try reading.text(number)) }
        return texts
    }

    /// Writes several selections, which draw from one generator one after another.
    ///
    /// - Parameter seed: the run's
    /// - Throws: ``CorpusError``; then nothing is left of them.
    package static func write(
        _ selections: [(selection: CorpusSelection, output: String)], seed: UInt64
    ) throws(CorpusError) {
        var generator = LegacyNumPyGenerator(seed: seed)
        do throws(CorpusError) {
            for (selection, output) in selections {
                let reading = try selection.reading(&generator)
                try selection.write(
                    reading.documents.indices.map { (reading, $0) }, to: output,
                    changed: reading.changed)
            }
        } catch {
            for (_, output) in selections { unlink(output) }
            throw error
        }
    }

    /// Writes several selections as one, their documents in the order that the datasets library
    /// gives them for the same seed.
    ///
    /// - Throws: ``CorpusError``; then nothing is left at `output`.
    package static func write(
        _ selections: [CorpusSelection], mixedTo output: String,
        _ mixing: InstructionSettings.Mixing, _ probabilities: [Double]?, seed: UInt64
    ) throws(CorpusError) {
        guard let first = selections.first else { return }
        var generator = LegacyNumPyGenerator(seed: seed)
        var readings: [Reading] = []
        for selection in selections { readings.append(try selection.reading(&generator)) }
        let order = DatasetMixing.mixed(
            readings.map { Array($0.documents.indices) }, mixing, probabilities, seed: seed)
        try first.write(
            order.map { (readings[Int($0.dataset)], Int($0.row)) }, to: output,
            changed: readings.map(\.changed).max() ?? 0)
    }
}
