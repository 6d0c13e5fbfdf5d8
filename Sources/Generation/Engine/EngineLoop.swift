import Autograd
import Foundation
import Kernels
import ModelFiles
import Models

/// The engine's thread: which texts run, and what each turn computes.
final class EngineLoop: @unchecked Sendable {
    // Unchecked because it is handed to the engine's thread, which alone touches it from then on.

    private let inference: InferenceModel
    private let line: EngineLine
    private let cache: KeyValueCache
    private var slots: [AnswerSlot]
    /// Counts admissions, to find the slot that was used longest ago.
    private var clock = 0

    /// Tokens of a prompt that are computed at once. Pieces begin at its multiples, so that the numbers of
    /// a text do not depend on what of it was there already.
    static let piece = 128

    /// Texts whose next tokens are computed together. More would save little, and make others wait.
    private static let rowsAtOnce = 64

    /// Pieces of prompts between two tokens of the texts that are written. Where few prompts wait, texts
    /// wait for few pieces; where many do, they soon write, and their tokens are cheaper together.
    private static let piecesAtOnce = 8

    init(_ inference: InferenceModel, _ settings: AnswerEngine.Settings, _ line: EngineLine) {
        self.inference = inference
        self.line = line
        let description = inference.model.description
        let most = description.maximumPositions
        let limit = settings.limit ?? most
        cache = KeyValueCache(
            capacity: description.hasFixedPositions ? min(limit, most) : limit,
            sequences: settings.slots)
        slots = Array(repeating: AnswerSlot(), count: settings.slots)
    }

    /// Tokens a text can have.
    var limit: Int { cache.capacity }

    /// The thread's body.
    func run() {
        while true {
            let running = slots.count { $0.answer != nil }
            guard let work = line.work(running: running, free: slots.count - running) else { break }
            for job in work.jobs { job(inference) }
            for number in work.dropped {
                for index in slots.indices where slots[index].answer?.number == number {
                    free(index)
                }
            }
            for answer in work.answers { admit(answer) }
            let reading = slots.count { $0.isReading }
            for _ in 0..<min(reading, Self.piecesAtOnce) { computePrompt() }
            computeNext()
        }
        for index in slots.indices where slots[index].answer != nil { end(index, .stopped) }
    }

    /// - Parameter textLength: of the text of which it computes a piece.
    private func pass(textLength: Int? = nil) -> ForwardPass {
        ForwardPass(
            workspace: inference.workspace, computeType: inference.computeType, cache: cache,
            textLength: textLength)
    }

    /// With which rotary angles a text of this length is computed.
    private func angles(_ length: Int) -> Int {
        inference.model.description.angleLength(of: length)
    }

    // MARK: Places

    /// Gives a request the free slot that holds most of its prompt, else the one used longest ago.
    private func admit(_ answer: QueuedAnswer) {
        let free = slots.indices.filter { slots[$0].answer == nil }
        let angles = angles(answer.request.prompt.count)
        func reusable(_ index: Int) -> Int {
            slots[index].reusable(for: answer.request, angles: angles)
        }
        let best = free.max { a, b in
            (reusable(a), slots[b].lastUse) < (reusable(b), slots[a].lastUse)
        }
        guard let index = best else { return }
        let reused = reusable(index)
        clock += 1
        if slots[index].angles != angles { cache.forget(sequence: index) }
        slots[index].begin(answer, reused: reused, angles: angles, at: clock)
        cache.rewind(to: reused, sequence: index)
        line.count { $0.running += 1 }
    }

    /// What another text has of a prompt, its own slot busy or not, need not be computed again; looked for
    /// when the prompt's turn has come, so that of several with one beginning the first computes it.
    private func begin(_ index: Int) {
        guard let answer = slots[index].answer else { return }
        var reused = slots[index].computed
        let others = slots.indices.filter { $0 != index }
        let angles = slots[index].angles
        func reusable(_ other: Int) -> Int {
            slots[other].reusable(for: answer.request, angles: angles)
        }
        if let best = others.max(by: { reusable($0) < reusable($1) }), reusable(best) > reused {
            reused = reusable(best)
            cache.copy(reused, from: best, to: index)
            slots[index].skip(to: reused)
        }
        line.count { $0.reusedTokens += reused }
        answer.events.yield(.begun(reused: reused))
    }

    private func free(_ index: Int) {
        slots[index].answer = nil
        line.count {
            $0.finished += 1
            $0.running -= 1
        }
    }

    private func end(_ index: Int, _ reason: GenerationEnd) {
        guard let answer = slots[index].answer else { return }
        // Whoever is told of the end sees it in the figures.
        free(index)
        answer.events.yield(.ended(reason))
        answer.events.finish()
    }

    // MARK: Turns

    /// Computes a piece of the prompt that has waited longest; after the last piece the first token.
    private func computePrompt() {
        let waiting = slots.indices.filter { slots[$0].isReading }
        guard let index = waiting.min(by: { slots[$0].lastUse < slots[$1].lastUse }) else { return }
        let start = ContinuousClock.now
        if slots[index].isFresh { begin(index) }
        let ids = slots[index].nextPiece(Self.piece)
        inference.use(slots[index].answer?.request.adapter)
        cache.active = [index]
        let pass = pass(textLength: slots[index].readLength)
        if slots[index].isScored {
            score(ids, index, in: pass)
        } else if slots[index].isReading {
            inference.model.fill(ids, in: pass)
        } else {
            take(inference.model.nextLogits(ids, in: pass), index)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        line.count {
            $0.promptTokens += ids.count
            $0.promptSeconds += seconds
        }
    }

    /// Computes a piece of a prompt and tells what the model thought of each next token.
    private func score(_ ids: [Int32], _ index: Int, in pass: ForwardPass) {
        guard let answer = slots[index].answer, let most = answer.request.promptAlternatives else {
            return
        }
        let logits = inference.model.logits(ids, batch: 1, in: pass)  // (1, T, V)
        cache.advance(by: ids.count)
        let vocabulary = logits.shape.width
        let first = slots[index].computed - ids.count
        var tokens: [AnswerToken] = []
        for place in ids.indices {
            let row = inference.workspace.numbers(
                logits.buffer.advanced(by: place * vocabulary), count: vocabulary)
            let next = first + place + 1
            guard next < answer.request.prompt.count else {
                answer.events.yield(.prompt(tokens))
                return take(row, index)
            }
            let (id, scale) = (answer.request.prompt[next], LogScale(row))
            tokens.append(
                AnswerToken(
                    id: id, logProbability: scale.logProbability(row[Int(id)]),
                    alternatives: scale.likeliest(most, of: row)))
        }
        answer.events.yield(.prompt(tokens))
    }

    /// Computes the next token of every text that is written.
    private func computeNext() {
        let writing = slots.indices.filter { slots[$0].isWriting }
        guard !writing.isEmpty else { return }
        let start = ContinuousClock.now
        // Texts of one adapter together.
        let groups = Dictionary(grouping: writing) { slots[$0].answer?.request.adapter }
        for (adapter, writing) in groups {
            inference.use(adapter)
            // An adapter's own products are only of few rows the same whatever they are beside.
            computeNext(writing, atOnce: adapter == nil ? Self.rowsAtOnce : Workspace.fewRows)
        }
        inference.workspace.independentRows = Workspace.fewRows
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        line.count { $0.answerSeconds += seconds }
    }

    private func computeNext(_ writing: [Int], atOnce: Int) {
        inference.workspace.independentRows = atOnce
        for first in stride(from: 0, to: writing.count, by: atOnce) {
            let rows = Array(writing[first..<min(first + atOnce, writing.count)])
            cache.active = rows
            let ids = rows.map { slots[$0].takeLast() }
            let logits = inference.model.nextLogits(ids, batch: ids.count, in: pass())
            line.count {
                $0.passes += 1
                $0.rows += rows.count
            }
            for (row, logits) in zip(rows, logits) { take(logits, row) }
        }
    }

    /// Chooses a text's next token, hands it on, and sees whether the text ends.
    private func take(_ logits: [Float], _ index: Int) {
        guard let answer = slots[index].answer else { return }
        if answer.request.count == 0 { return end(index, .count) }
        // A vocabulary without some byte can come to where a grammar leaves it no token.
        guard let token = slots[index].choose(logits) else { return end(index, .count) }
        if answer.request.ends.contains(token.id) { return end(index, .stopToken(token.id)) }
        line.count { $0.answerTokens += 1 }
        answer.events.yield(.token(token))
        if slots[index].isOver { return end(index, .complete) }
        let written = slots[index].history.count - answer.request.prompt.count
        if written >= answer.request.count { return end(index, .count) }
        let length = slots[index].history.count
        if length >= limit { return end(index, .contextFull) }
        if inference.model.description.isComputedAnew(at: length) {
            cache.forget(sequence: index)
            slots[index].computeAnew(angles: angles(length))
        }
    }
}
