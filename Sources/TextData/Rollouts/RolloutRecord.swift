/// A rollout as numbers: what a checkpoint keeps of one that further steps learn from.
package struct RolloutRecord: Sendable, Equatable {
    /// The rollout's number in the run.
    package var number: Int
    /// Of all ranks, in the order of the prompts' places.
    package var completions: [RatedCompletion]

    package init(number: Int, completions: [RatedCompletion]) {
        self.number = number
        self.completions = completions
    }

    /// The completions as numbers, each of which a float32 holds exactly: ids and places are cut into parts
    /// of 24 bits.
    package static func packed(_ completions: [RatedCompletion]) -> [Float] {
        var numbers: [Float] = []
        for rated in completions {
            let one = rated.completion
            for whole in [one.position, one.row] {
                numbers += [Float(whole & 0xFF_FFFF), Float(whole >> 24)]
            }
            numbers += [
                Float(one.sample), one.hasEnded ? 1 : 0, Float(one.prompt.count),
                Float(one.ids.count), Float(rated.ratings.count), Float(rated.tokenValues.count),
            ]
            numbers += (one.prompt + one.ids).map { Float($0) }
            numbers += rated.ratings
            for values in rated.tokenValues {
                precondition(
                    values.count == one.ids.count,
                    "rollout: \(values.count) numbers for \(one.ids.count) tokens")
                numbers += values
            }
        }
        return numbers
    }

    /// What ``packed(_:)`` has packed; `nil` where numbers are missing.
    package static func unpacked(_ numbers: [Float]) -> [RatedCompletion]? {
        var completions: [RatedCompletion] = []
        var rest = numbers[...]
        func take(_ count: Int) -> ArraySlice<Float>? {
            guard count >= 0, rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        while !rest.isEmpty {
            guard let head = take(10)?.map({ Int($0) }),
                let prompt = take(head[6])?.map({ Int32($0) }),
                let ids = take(head[7])?.map({ Int32($0) }), let ratings = take(head[8])
            else { return nil }
            var values: [[Float]] = []
            for _ in 0..<head[9] {
                guard let own = take(ids.count) else { return nil }
                values.append(Array(own))
            }
            let completion = Completion(
                position: head[0] | head[1] << 24, row: head[2] | head[3] << 24, sample: head[4],
                prompt: prompt, ids: ids, hasEnded: head[5] == 1)
            completions.append(
                RatedCompletion(completion, ratings: Array(ratings), tokenValues: values))
        }
        return completions
    }

    /// For an objective's memory.
    package var numbers: [Double] {
        [Double(number)] + Self.packed(completions).map(Double.init)
    }

    /// What ``numbers`` were made of; `nil` for none.
    package init?(numbers: [Double]) {
        guard let number = numbers.first,
            let completions = Self.unpacked(numbers.dropFirst().map { Float($0) })
        else { return nil }
        self.init(number: Int(number), completions: completions)
    }
}
