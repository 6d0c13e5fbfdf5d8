import Files
import Foundation

/// Words and how often they occur, from a dictionary of the jieba program.
///
/// A trie over code points: jieba's list of all prefixes, with a node where jieba has an entry.
struct WordDictionary: Sendable {
    /// A place in the trie.
    struct Node: Sendable, Equatable {
        fileprivate let index: Int32

        /// Before the first letter.
        static let root = Node(index: 0)
    }

    /// The sum of all lines' frequencies.
    private(set) var total = 0
    /// Node and next letter → node.
    private var edges: [UInt64: Int32] = [:]
    private var frequencies = [0]

    /// No words.
    init() {}

    /// Reads a line a word, `word frequency tag`, as jieba 0.42.1 does: of a word that stands twice,
    /// the later frequency counts, and both go into the total.
    ///
    /// - Parameter file: what messages call the text.
    /// - Throws: ``DictionaryError`` with the first line that is not an entry.
    init(parsing text: String, file: String) throws(DictionaryError) {
        var number = 0
        for line in text.unicodeScalars.split(
            separator: "\n", omittingEmptySubsequences: false)
        {
            number += 1
            let trimmed = Array(line).trimmingSpace
            let isEnd = trimmed.isEmpty && line.endIndex == text.unicodeScalars.endIndex
            if isEnd { continue }
            let fields = trimmed.split(
                separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count >= 2, let frequency = Int(String(fields[1])), frequency >= 0 else {
                throw DictionaryError(
                    "\(file), line \(number): not an entry of a segmentation dictionary; expected "
                        + "word, frequency and tag with spaces between, as in jieba's dict.txt")
            }
            add(fields[0], frequency)
        }
        guard total > 0 else {
            throw DictionaryError(
                "\(file): holds no words; segmentation_dictionary is a file like jieba's dict.txt")
        }
    }

    /// Whether there is any word.
    var isEmpty: Bool { total == 0 }

    /// Where `letter` leads from `node`; `nil` if no word goes on that way.
    func node(after node: Node, _ letter: Unicode.Scalar) -> Node? {
        edges[Self.edge(node.index, letter)].map(Node.init(index:))
    }

    /// The frequency of the word that ends at `node`; 0 if only longer words pass there.
    func frequency(at node: Node) -> Int { frequencies[Int(node.index)] }

    /// The frequency of `word`; 0 if it is not a word.
    func frequency(of word: some Sequence<Unicode.Scalar>) -> Int {
        var node = Node.root
        for letter in word {
            guard let next = self.node(after: node, letter) else { return 0 }
            node = next
        }
        return frequency(at: node)
    }

    private mutating func add(_ word: ArraySlice<Unicode.Scalar>, _ frequency: Int) {
        total += frequency
        var index: Int32 = 0
        for letter in word {
            let edge = Self.edge(index, letter)
            if let next = edges[edge] {
                index = next
            } else {
                index = Int32(frequencies.count)
                edges[edge] = index
                frequencies.append(0)
            }
        }
        frequencies[Int(index)] = frequency
    }

    private static func edge(_ node: Int32, _ letter: Unicode.Scalar) -> UInt64 {
        UInt64(node) << 32 | UInt64(letter.value)
    }
}

extension String {
    /// The text of some code points.
    init(_ letters: some Sequence<Unicode.Scalar>) {
        var scalars = UnicodeScalarView()
        scalars.append(contentsOf: letters)
        self.init(scalars)
    }
}

extension [Unicode.Scalar] {
    /// Without white space at both ends.
    var trimmingSpace: ArraySlice<Unicode.Scalar> {
        guard let first = firstIndex(where: { !$0.isPythonSpace }),
            let last = lastIndex(where: { !$0.isPythonSpace })
        else { return [] }
        return self[first...last]
    }
}
