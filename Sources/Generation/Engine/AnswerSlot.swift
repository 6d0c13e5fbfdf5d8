/// A place for a text: what the cache holds of the last one, and the request that has it now.
struct AnswerSlot {
    /// The request; `nil` while the slot is free.
    var answer: QueuedAnswer?
    /// Prompt and answer so far.
    private(set) var history: [Int32] = []
    /// Ids whose keys and values the cache holds.
    private(set) var computed = 0
    /// Ids that were computed in whole pieces of a prompt, which another text may go on from.
    private(set) var whole = 0
    /// When it was given to a request last.
    private(set) var lastUse = 0
    private var sampler: AnswerSampler?
    /// With which adapter the cache was computed.
    private var adapter: Int?
    /// With which rotary angles whole pieces were computed, see ``ModelDescription/angleLength(of:)``.
    private(set) var angles = 0
    /// Ids that are computed in pieces: those of the prompt, and of what was written if all is computed anew.
    private(set) var readLength = 0
    /// Whether nothing of the prompt has been computed yet.
    private(set) var isFresh = false

    /// Whether some of a prompt is still to be computed.
    var isReading: Bool { answer != nil && computed < readLength }

    /// Whether the prompt's own log-probabilities are to be told.
    var isScored: Bool {
        guard let request = answer?.request, request.promptAlternatives != nil else { return false }
        return readLength == request.prompt.count
    }

    /// Whether a next token is to be computed.
    var isWriting: Bool { answer != nil && !isReading && computed < history.count }

    /// Ids of a prompt that need not be computed: whole pieces, and never the prompt's last id, whose
    /// logits are not kept.
    ///
    /// - Parameter angles: those that the prompt is computed with.
    func reusable(for request: AnswerRequest, angles: Int) -> Int {
        guard request.promptAlternatives == nil, request.adapter == adapter, angles == self.angles
        else { return 0 }
        let (prompt, piece) = (request.prompt, EngineLoop.piece)
        let most = min(whole, prompt.count - 1)
        let same = zip(history.prefix(most), prompt).prefix { $0 == $1 }.count
        return same / piece * piece
    }

    mutating func begin(_ answer: QueuedAnswer, reused: Int, angles: Int, at time: Int) {
        self.answer = answer
        adapter = answer.request.adapter
        isFresh = true
        history = answer.request.prompt
        readLength = history.count
        self.angles = angles
        computed = reused
        whole = reused
        lastUse = time
        sampler = AnswerSampler(answer.request)
    }

    /// Goes on behind ids that another text's cache had.
    mutating func skip(to count: Int) {
        computed = count
        whole = count
    }

    /// Lets all ids so far be computed again, with other rotary angles.
    mutating func computeAnew(angles: Int) {
        readLength = history.count
        self.angles = angles
        computed = 0
        whole = 0
    }

    /// The prompt's next ids, up to a multiple of `size`, which count as computed from then on.
    mutating func nextPiece(_ size: Int) -> [Int32] {
        isFresh = false
        let end = min(computed / size * size + size, history.count)
        defer {
            computed = end
            if end % size == 0 { whole = end }
        }
        return Array(history[computed..<end])
    }

    /// The last id, which counts as computed from then on.
    mutating func takeLast() -> Int32 {
        defer { computed = history.count }
        return history.last ?? 0
    }

    /// Chooses the next token and adds it, unless it ends the text; `nil` where none is allowed.
    mutating func choose(_ logits: [Float]) -> AnswerToken? {
        guard var chooser = sampler.take(), let answer else { return nil }
        defer { sampler = chooser }
        guard let token = chooser.next(logits, history: history) else { return nil }
        if !answer.request.ends.contains(token.id) { history.append(token.id) }
        return token
    }

    /// Whether the answer is complete and nothing may follow.
    var isOver: Bool { sampler?.isOver ?? false }
}
