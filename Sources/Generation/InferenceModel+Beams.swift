package import Configuration
package import ModelFiles
import Models

extension InferenceModel {
    /// The continuation of a prompt that the beams of `settings` find.
    package func searched(
        after prompt: [Int32], count: Int, _ settings: SamplingSettings, ends: Set<Int32>
    ) -> [Int32] {
        model.generate(
            after: prompt, count: count, beams: settings.beams, sampler: Sampler(settings),
            ends: ends, computeType: computeType, in: workspace)
    }
}
