import Foundation

/// Token ids on disk, seen as samples of equal length.
///
/// The files' ids form one long row. Sample i holds `sampleTokens + 1` consecutive ids from
/// i · `sampleTokens` on, so that each id is predicted once; a sample may reach from one shard into
/// the next. Files are mapped, never loaded, and may be read by several threads.
package final class TokenDataset: Sendable {
    /// The folder or file that was opened.
    package let path: String
    /// Targets in a sample (cutoff_len).
    package let sampleTokens: Int
    package let tokenCount: Int
    /// ⌊(tokens − 1) / sampleTokens⌋
    package let sampleCount: Int
    /// The hash of the tokenizer that made the ids; `nil` for files of other programs.
    package let tokenizerHash: UInt64?
    /// How many ids the shards may have; `nil` for files of other programs.
    package let vocabularySize: Int?
    /// The id after each document; `nil` for files of other programs.
    package let endOfText: Int32?
    /// Stands for the ids: the files' sizes and checksums.
    package let contentHash: UInt64

    private let files: [TokenFile]
    /// Where each file begins in the row of ids, and the row's end.
    private let starts: [Int]

    /// Opens a folder of shards, or a token file, for a model with `vocabularySize` ids.
    ///
    /// Headers, sizes and largest ids are always checked; `verify` also reads every shard against
    /// its checksum.
    ///
    /// - Throws: ``CorpusError`` naming the file: not there, no dataset, unfinished preparation,
    ///   wrong magic, version, size or checksum, vocabulary mismatch, too few tokens.
    package static func open(
        _ path: String, sampleTokens: Int, vocabularySize: Int, verify: Bool = true
    ) throws(CorpusError) -> TokenDataset {
        guard sampleTokens > 0 else {
            throw .setting(
                name: "cutoff_len", found: "\(sampleTokens)", expected: "a number of at least 1")
        }
        guard let status = CorpusSearch.status(path) else {
            throw .noDataset(path: path, problem: "no such file or folder")
        }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        let files =
            isFolder ? try shards(of: path, verify: verify) : [try TokenFile(path, verify: verify)]
        for file in files where file.largestID >= vocabularySize {
            throw .vocabularyMismatch(
                file: file.path, largest: file.largestID, vocabularySize: vocabularySize)
        }
        let dataset = TokenDataset(path, files, sampleTokens)
        guard dataset.sampleCount > 0 else {
            throw .tooFewTokens(
                path: path, tokens: dataset.tokenCount, sampleTokens: sampleTokens)
        }
        return dataset
    }

    private init(_ path: String, _ files: [TokenFile], _ sampleTokens: Int) {
        self.path = path
        self.files = files
        self.sampleTokens = sampleTokens
        var starts = [0]
        var hash = Fingerprint()
        for file in files {
            starts.append(starts[starts.count - 1] + file.count)
            hash.add(file.count)
            hash.add(Int(file.checksum))
        }
        self.starts = starts
        contentHash = hash.value
        tokenCount = starts[starts.count - 1]
        sampleCount = max(0, tokenCount - 1) / sampleTokens
        tokenizerHash = files.first?.header?.tokenizerHash
        vocabularySize = files.first?.header?.vocabularySize
        endOfText = files.first?.header.flatMap { Int32(exactly: $0.endOfText) }
    }

    /// Puts sample `index` into `target`, which has room for `sampleTokens + 1` ids.
    ///
    /// - Throws: ``CorpusError`` where a file has changed since it was opened.
    package func copySample(
        _ index: Int, into target: UnsafeMutableBufferPointer<Int32>
    ) throws(CorpusError) {
        precondition(
            index >= 0 && index < sampleCount && target.count == sampleTokens + 1,
            "dataset: sample \(index) of \(sampleCount) into \(target.count) places, "
                + "\(sampleTokens + 1) needed")
        try copy(from: index * sampleTokens, into: target)
    }

    /// The ids of some places of the row.
    ///
    /// - Throws: ``CorpusError`` where a file has changed since it was opened.
    package func ids(_ places: Range<Int>) throws(CorpusError) -> [Int32] {
        precondition(
            places.lowerBound >= 0 && places.upperBound <= tokenCount,
            "dataset: ids \(places) of \(tokenCount)")
        var failure: CorpusError?
        let ids = [Int32](unsafeUninitializedCapacity: places.count) { target, count in
            do throws(CorpusError) {
                try copy(
                    from: places.lowerBound,
                    into: UnsafeMutableBufferPointer(rebasing: target[..<places.count]))
                count = places.count
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return ids
    }

    private func copy(
        from first: Int, into target: UnsafeMutableBufferPointer<Int32>
    ) throws(CorpusError) {
        guard !target.isEmpty else { return }
        var number = file(holding: first)
        var copied = 0
        while copied < target.count {
            let place = first + copied - starts[number]
            let count = min(target.count - copied, files[number].count - place)
            try files[number].copy(
                from: place,
                into: UnsafeMutableBufferPointer(rebasing: target[copied..<copied + count]))
            copied += count
            number += 1
        }
    }

    /// The last file that begins at or before a place in the row.
    private func file(holding place: Int) -> Int {
        var low = 0
        var high = files.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if starts[middle] <= place { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private static func shards(
        of folder: String, verify: Bool
    ) throws(CorpusError) -> [TokenFile] {
        guard CorpusSearch.status(folder + "/" + ShardNames.manifest) != nil else {
            let names = try CorpusSearch.entries(of: folder)
            let isUnfinished = names.contains {
                ShardNames.isShard($0) || ShardNames.isLeftover($0)
            }
            throw .noDataset(
                path: folder,
                problem: isUnfinished
                    ? "\(ShardNames.manifest) is missing, so its preparation has not finished; "
                        + "run lockstep prepare again, it continues"
                    : "a folder without \(ShardNames.manifest)")
        }
        let manifest = try CorpusManifest.read(folder)
        var files: [TokenFile] = []
        for shard in manifest.shards {
            let path = folder + "/" + shard.file
            let file = try TokenFile(path, verify: verify)
            guard let header = file.header, header.counts.tokens == shard.tokens,
                header.payloadChecksum == shard.checksum,
                CorpusManifest.hexadecimal(header.tokenizerHash) == manifest.tokenizerHash
            else { throw .changedShard(file: path) }
            files.append(file)
        }
        return files
    }
}
