/// How a text is cut into the words that merges stay inside of.
package struct PreTokenizer: Sendable, Equatable {
    /// One cut; each works on the pieces that the one before left.
    package enum Stage: Sendable, Equatable {
        /// Cut before and after every match of a pattern.
        case split(SplitPattern)
        /// Cut numbers off, each by itself or in runs.
        case digits(individual: Bool)
        /// Put a space before every piece that begins with none.
        case prefixSpace
        /// Spaces become marks that begin words.
        case metaspace(Metaspace)
        /// Cut at white space, which goes.
        case whitespace
        /// The same, and between word characters and others: `\w+|[^\w\s]+`.
        case whitespaceAndSigns
        /// Cut at white space, which goes, and every sign is a word of its own: BERT's.
        case bert
        /// Every sign is a word of its own.
        case punctuation
        /// Cut at every occurrence of a string.
        case separator(String, SeparatorBehavior)
        /// Cut before a mark (U+2581) that follows another character; of use only where no merge
        /// crosses such a place, and then it changes no ids.
        case marks
    }

    /// What becomes of the string that separates pieces.
    package enum SeparatorBehavior: String, Sendable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    /// The cuts, in order.
    package let stages: [Stage]
    /// Whether words are bytes to the model, in GPT-2's stand-ins, or else characters.
    package let isByteLevel: Bool

    /// A pre-tokenizer of these cuts; without any, a text is one word.
    package init(stages: [Stage], isByteLevel: Bool = true) {
        self.stages = stages
        self.isByteLevel = isByteLevel
    }

    /// GPT-2.
    package static let gpt2 = PreTokenizer(stages: [.split(.gpt2)])
    /// Llama 3 and GPT-4.
    package static let llama3 = PreTokenizer(stages: [.split(.llama3)])
    /// BERT.
    package static let bert = PreTokenizer(stages: [.bert], isByteLevel: false)
    /// Qwen2 and Qwen3, whose tokenizers also compose text (``TextNormalizer/nfc``).
    package static let qwen2 = PreTokenizer(stages: [.split(.qwen2)])
    /// SmolLM2: single digits, then as GPT-2.
    package static let smolLM2 = PreTokenizer(stages: [.digits(individual: true), .split(.gpt2)])

    /// Whether the classes of scalars tell where a text is cut.
    var readsClasses: Bool { stages.contains(where: \.readsClasses) }

    /// Cuts a whole text and leaves the end of each word in `ends`.
    ///
    /// - Parameters:
    ///   - text: changed where a stage adds or removes characters
    ///   - isFirst: the text begins what was given to the tokenizer
    func cut(
        _ text: inout ClassifiedText, _ classes: ScalarClasses, isFirst: Bool = true,
        into ends: inout [Int], using spare: inout [Int]
    ) {
        var places: [TokenOffset]?
        cut(&text, classes, isFirst: isFirst, into: &ends, using: &spare, places: &places)
    }

    /// - Parameter places: where each byte of the text stands in the one that was given, if that is
    ///   to be known.
    func cut(
        _ text: inout ClassifiedText, _ classes: ScalarClasses, isFirst: Bool,
        into ends: inout [Int], using spare: inout [Int], places: inout [TokenOffset]?
    ) {
        ends.removeAll(keepingCapacity: true)
        if text.bytes.isEmpty { return }
        var isFirst = isFirst
        ends.append(text.bytes.count)
        for (number, stage) in stages.enumerated() {
            let classes = stages[(number + 1)...].contains(where: \.readsClasses) ? classes : nil
            swap(&ends, &spare)
            ends.removeAll(keepingCapacity: true)
            if let known = places {
                places = stage.places(known, of: text, pieces: spare, isFirst: isFirst)
            }
            var start = 0
            switch stage {
            case .prefixSpace:
                var bytes: [UInt8] = []
                for end in spare {
                    if text.bytes[start] != UInt8(ascii: " ") { bytes.append(UInt8(ascii: " ")) }
                    bytes += text.bytes[start..<end]
                    ends.append(bytes.count)
                    start = end
                }
                text.set(bytes, classes)
            case .metaspace(let rule):
                var bytes: [UInt8] = []
                for end in spare {
                    rule.append(
                        text.bytes[start..<end], isFirst: isFirst && start == 0, to: &bytes, &ends)
                    start = end
                }
                text.set(bytes, classes)
            case .whitespace:
                if text.is(0, .whitespace) { isFirst = false }
                Self.removeSpace(&text, spare, classes, into: &ends)
            case .whitespaceAndSigns, .bert:
                if text.is(0, .whitespace) { isFirst = false }
                Self.cutWords(
                    &text, spare, classes, isolatesSigns: stage == .bert, into: &ends)
            case .punctuation: Self.isolateSigns(text, spare, into: &ends)
            case .separator(let separator, let behavior):
                let separator = Array(separator.utf8)
                if behavior == .removed, text.bytes.starts(with: separator) { isFirst = false }
                Self.cut(&text, at: separator, behavior, spare, classes, into: &ends)
            case .marks:
                for end in spare {
                    text.splitAtMarks(start, to: end, into: &ends)
                    start = end
                }
            case .split(let pattern):
                for end in spare {
                    pattern.split(text, start, to: end, into: &ends)
                    start = end
                }
            case .digits(let individual):
                let rule = ClassRule(members: .numeric, limit: individual ? 1 : .max)
                for end in spare {
                    text.split(rule, start, to: end, into: &ends)
                    start = end
                }
            }
            if ends.isEmpty { return }
        }
    }

    private static func removeSpace(
        _ text: inout ClassifiedText, _ pieces: [Int], _ classes: ScalarClasses?,
        into ends: inout [Int]
    ) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.bytes.count)
        var start = 0
        for end in pieces {
            while start < end {
                let word = text.runEnd(.whitespace, from: start, to: end)
                start = text.runEnd(without: .whitespace, from: word, to: end)
                if start > word {
                    bytes += text.bytes[word..<start]
                    ends.append(bytes.count)
                }
            }
        }
        text.set(bytes, classes)
    }

    /// White space goes, and signs are words.
    ///
    /// - Parameter isolatesSigns: every sign is a word, as BERT has it; else a run of what is no word
    ///   character is one.
    private static func cutWords(
        _ text: inout ClassifiedText, _ pieces: [Int], _ classes: ScalarClasses?,
        isolatesSigns: Bool, into ends: inout [Int]
    ) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.bytes.count)
        let edges: ScalarClass = [.space, .newline, isolatesSigns ? .isolated : .word]
        var start = 0
        for end in pieces {
            while start < end {
                let word = text.runEnd(.whitespace, from: start, to: end)
                if word == end {
                    start = end
                    break
                }
                start = text.runEnd(without: edges, from: word, to: end)
                if start == word {
                    start =
                        isolatesSigns
                        ? text.scalarEnd(word) : text.runEnd(.word, from: word, to: end)
                }
                bytes += text.bytes[word..<start]
                ends.append(bytes.count)
            }
        }
        text.set(bytes, classes)
    }

    private static func isolateSigns(
        _ text: ClassifiedText, _ pieces: [Int], into ends: inout [Int]
    ) {
        var index = 0
        for end in pieces {
            var start = index
            while index < end {
                let next = text.scalarEnd(index)
                if text.is(index, .isolated) {
                    if index > start { ends.append(index) }
                    ends.append(next)
                    start = next
                }
                index = next
            }
            if end > start { ends.append(end) }
        }
    }

    private static func cut(
        _ text: inout ClassifiedText, at separator: [UInt8], _ behavior: SeparatorBehavior,
        _ pieces: [Int], _ classes: ScalarClasses?, into ends: inout [Int]
    ) {
        var bytes: [UInt8] = []
        var start = 0
        for end in pieces {
            var pieceStart = bytes.count
            func cut() {
                if bytes.count > pieceStart { ends.append(bytes.count) }
                pieceStart = bytes.count
            }
            var followsMatch = false
            while start < end {
                let rest = text.bytes[start..<end]
                guard rest.first == separator[0], rest.starts(with: separator) else {
                    if followsMatch, behavior == .contiguous { cut() }
                    followsMatch = false
                    bytes.append(text.bytes[start])
                    start += 1
                    continue
                }
                if behavior == .contiguous ? !followsMatch : behavior != .mergedWithPrevious {
                    cut()
                }
                if behavior != .removed { bytes += separator }
                if behavior == .isolated || behavior == .mergedWithPrevious { cut() }
                followsMatch = true
                start += separator.count
            }
            cut()
        }
        if behavior == .removed { text.set(bytes, classes) }
    }
}

extension PreTokenizer.Stage {
    /// Whether the classes of scalars tell where it cuts.
    fileprivate var readsClasses: Bool {
        switch self {
        case .prefixSpace, .metaspace, .separator, .marks: false
        case .split, .digits, .whitespace, .whitespaceAndSigns, .bert, .punctuation: true
        }
    }
}

extension ClassifiedText {
    /// Adds the ends of the parts of `start..<end` that begin with marks to `ends`.
    fileprivate func splitAtMarks(_ start: Int, to end: Int, into ends: inout [Int]) {
        let length = 3  // bytes of U+2581: E2 96 81
        func isMark(_ index: Int) -> Bool {
            bytes[index] == 0xE2 && index + 2 < end && bytes[index + 1] == 0x96
                && bytes[index + 2] == 0x81
        }
        var index = start
        var followsMark = true
        while index < end {
            if isMark(index) {
                if !followsMark { ends.append(index) }
                followsMark = true
                index += length
            } else {
                followsMark = false
                index += 1
            }
        }
        ends.append(end)
    }
}
