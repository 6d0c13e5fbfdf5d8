import Generation
import TextData

/// Writes a rank's completions of a rollout.
struct RolloutWriter {
    let prompts: [RolloutPrompt]
    let plan: RolloutPlan
    let decoder: CompletionDecoder
    let rank: Int
    let ranks: Int
    /// Called after each token, to see that it goes on.
    let stepped: () -> Void

    /// All completions of a prompt stand one behind another, in the order of their numbers.
    func completions(ofRollout number: Int) -> [Completion] {
        let places = Array(plan.places(ofRollout: number, rank: rank, ranks: ranks))
        let own = places.map { prompts[plan.order.index(at: $0)] }
        let decoded = decoder.completions(
            afterEach: own.map(\.ids),
            keys: places.map { place in
                (0..<plan.samples).map { plan.key(place: place, sample: $0) }
            }, stepped: stepped)
        return zip(places, zip(own, decoded)).flatMap { place, found in
            found.1.enumerated().map { sample, one in
                Completion(
                    position: place, row: found.0.row, sample: sample, prompt: found.0.ids,
                    ids: one.ids, hasEnded: one.hasEnded)
            }
        }
    }
}
