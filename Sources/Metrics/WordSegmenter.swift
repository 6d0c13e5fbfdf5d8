import Files
import Foundation

/// Cuts text into words as `jieba.cut` does, Chinese by a dictionary, other text at spaces and signs.
///
/// The likeliest path through all dictionary words; runs of single characters that are left over
/// go through ``WordStateModel``. Source: jieba 0.42.1, `__init__.py` and `finalseg/__init__.py`.
package struct WordSegmenter: Sendable {
    private let dictionary: WordDictionary
    private let states: WordStateModel?
    /// What the user should know about how words are cut, in one line; `nil` if it is jieba's way.
    package let notice: String?

    /// Without a dictionary: each Chinese character is a word.
    package init() {
        dictionary = WordDictionary()
        states = nil
        notice =
            "ROUGE: no segmentation_dictionary is set, so every Chinese character counts as a "
            + "word; with jieba's dict.txt the scores are those of LLaMA-Factory"
    }

    /// Reads a dictionary.
    ///
    /// - Parameter path: jieba's dict.txt, or the folder that holds it. The table of characters of
    ///   unknown words is finalseg/prob_emit.py beside it; without that file such words are cut
    ///   into characters.
    /// - Throws: ``DictionaryError`` when a file cannot be read or holds something else.
    package init(dictionary path: String) throws(DictionaryError) {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let file = isFolder.boolValue ? path + "/dict.txt" : path
        guard exists, let text = Self.text(file) else {
            throw DictionaryError(
                "segmentation_dictionary: \(file) is not there or is not UTF-8 text; "
                    + "scripts/fetch_jieba.sh fetches jieba's dict.txt")
        }
        dictionary = try WordDictionary(parsing: text, file: file)
        let table = URL(fileURLWithPath: file).deletingLastPathComponent()
            .appendingPathComponent("finalseg/prob_emit.py").path
        if FileManager.default.fileExists(atPath: table) {
            guard let text = Self.text(table) else {
                throw DictionaryError("\(table) is not UTF-8 text")
            }
            states = try WordStateModel(parsing: text, file: table)
            notice = nil
        } else {
            states = nil
            notice =
                "ROUGE: \(table) is not there, so Chinese words that are not in the dictionary "
                + "are cut into characters"
        }
    }

    private static func text(_ path: String) -> String? {
        RegularFile.contents(path).flatMap { String(data: $0, encoding: .utf8) }
    }

    /// The words of `text` in order, white space and signs included: together they are the text.
    package func words(_ text: String) -> [String] {
        cut(Array(text.unicodeScalars)).map { String($0) }
    }

    /// The same, by code points.
    func cut(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var index = 0
        while index < text.count {
            if Self.isWordLetter(text[index]) {
                let end = text[index...].firstIndex { !Self.isWordLetter($0) } ?? text.count
                cut(block: text[index..<end], into: &words)
                index = end
                continue
            }
            // \r\n is one separator, anything else stands alone.
            let isLineEnd =
                text[index] == "\r" && index + 1 < text.count && text[index + 1] == "\n"
            let end = index + (isLineEnd ? 2 : 1)
            words.append(text[index..<end])
            index = end
        }
        return words
    }

    /// Cuts letters that jieba looks up: the likeliest path, then what it left single.
    private func cut(
        block: ArraySlice<Unicode.Scalar>, into words: inout [ArraySlice<Unicode.Scalar>]
    ) {
        let ends = likeliestEnds(block)
        var index = block.startIndex
        var single = index
        while index < block.endIndex {
            let end = ends[index - block.startIndex]
            if end > index + 1 {
                cut(singles: block[single..<index], into: &words)
                words.append(block[index..<end])
                single = end
            }
            index = end
        }
        cut(singles: block[single..<index], into: &words)
    }

    /// For each position the end of the word that starts there on the likeliest path.
    private func likeliestEnds(_ block: ArraySlice<Unicode.Scalar>) -> [Int] {
        let count = block.count
        var ends = [Int](repeating: 0, count: count)
        guard !dictionary.isEmpty else { return block.indices.map { $0 + 1 } }
        var scores = [Double](repeating: 0, count: count + 1)
        let logarithmOfTotal = log(Double(dictionary.total))
        for start in (0..<count).reversed() {
            // A position where no word starts is a word of one letter that is counted once.
            var best = -Double.infinity
            var node = WordDictionary.Node.root
            var end = start
            func consider(_ frequency: Int, end: Int) {
                let score = log(Double(frequency)) - logarithmOfTotal + scores[end]
                guard score >= best else { return }
                best = score
                ends[start] = block.startIndex + end
            }
            while end < count,
                let next = dictionary.node(after: node, block[block.startIndex + end])
            {
                node = next
                end += 1
                let frequency = dictionary.frequency(at: node)
                if frequency > 0 { consider(frequency, end: end) }
            }
            if best == -.infinity { consider(1, end: start + 1) }
            scores[start] = best
        }
        return ends
    }

    /// Cuts a run of single letters. One that is a word all the same stays in letters: the path
    /// found them likelier.
    private func cut(
        singles run: ArraySlice<Unicode.Scalar>, into words: inout [ArraySlice<Unicode.Scalar>]
    ) {
        if run.count <= 1 || dictionary.frequency(of: run) > 0 {
            words += run.indices.map { run[$0...$0] }
            return
        }
        var index = run.startIndex
        while index < run.endIndex {
            let isChinese = Self.isChinese(run[index])
            let end =
                run[index...].firstIndex { Self.isChinese($0) != isChinese } ?? run.endIndex
            let part = run[index..<end]
            if !isChinese {
                cut(latin: part, into: &words)
            } else if let states {
                words += states.words(part)
            } else {
                words += part.indices.map { part[$0...$0] }
            }
            index = end
        }
    }

    /// Cuts at `[a-zA-Z0-9]+(?:\.\d+)?%?`: such a match is a word, and so is what lies between two.
    private func cut(
        latin run: ArraySlice<Unicode.Scalar>, into words: inout [ArraySlice<Unicode.Scalar>]
    ) {
        var index = run.startIndex
        while index < run.endIndex {
            guard Self.isAlphanumeric(run[index]) else {
                let end = run[index...].firstIndex(where: Self.isAlphanumeric) ?? run.endIndex
                words.append(run[index..<end])
                index = end
                continue
            }
            var end = run[index...].firstIndex { !Self.isAlphanumeric($0) } ?? run.endIndex
            if end < run.endIndex, run[end] == "." {
                let fraction = run[(end + 1)...].prefix { ("0"..."9").contains($0) }
                if !fraction.isEmpty { end = fraction.endIndex }
            }
            if end < run.endIndex, run[end] == "%" { end += 1 }
            words.append(run[index..<end])
            index = end
        }
    }

    private static func isChinese(_ letter: Unicode.Scalar) -> Bool {
        (0x4E00...0x9FD5).contains(letter.value)
    }

    private static func isAlphanumeric(_ letter: Unicode.Scalar) -> Bool {
        switch letter {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }

    /// Letters of jieba's `re_han_default`.
    private static func isWordLetter(_ letter: Unicode.Scalar) -> Bool {
        switch letter {
        case "+", "#", "&", ".", "_", "%", "-": true
        default: isChinese(letter) || isAlphanumeric(letter)
        }
    }
}
