/// How `rope_scaling` stretches rotary positions, by transformers' names.
package enum RopeScalingKind: String, Sendable {
    case linear, dynamic, yarn, llama3
}
