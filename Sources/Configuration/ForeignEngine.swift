/// Another program whose configuration files look like Lockstep's.
package enum ForeignEngine: Sendable, Equatable {
    /// Megatron-Core and Megatron Bridge, by way of LLaMA-Factory.
    case megatron
    /// KTransformers, by way of LLaMA-Factory.
    case kTransformers

    /// What the keys are for, and what is the same here.
    var advice: String {
        switch self {
        case .megatron:
            "keys of Megatron, which divides a model among GPUs; here each rank holds the whole "
                + "model: leave them out, zero_stage: 1 divides the optimizer state among ranks "
                + "and gradient_checkpointing: true saves activations"
        case .kTransformers:
            "keys of KTransformers, which computes experts on the processor beside a GPU; here "
                + "everything is computed on processors: leave them out and train with "
                + "finetuning_type: lora, with quantization_bit: 4 where memory is short"
        }
    }

    /// Its keys that LLaMA-Factory knows.
    var keys: [String] {
        switch self {
        case .megatron:
            [
                "use_mca", "tensor_model_parallel_size", "pipeline_model_parallel_size",
                "expert_model_parallel_size", "context_parallel_size",
                "virtual_pipeline_model_parallel_size", "sequence_parallel",
                "recompute_granularity", "recompute_method", "recompute_num_layers",
                "account_for_embedding_in_pipeline_split", "account_for_loss_in_pipeline_split",
                "bias_activation_fusion", "apply_rope_fusion", "masked_softmax_fusion",
                "cross_entropy_loss_fusion", "moe_grouped_gemm", "moe_token_dispatcher_type",
                "calculate_per_token_loss", "use_distributed_optimizer", "overlap_param_gather",
                "overlap_grad_reduce", "use_packed_sequences", "mixed_precision",
                "megatron_pretrained_checkpoint", "export_hf_on_finish", "extra_config",
            ]
        case .kTransformers:
            [
                "use_kt", "kt_optimize_rule", "kt_maxlen", "kt_use_cuda_graph", "kt_mode",
                "kt_force_think", "kt_config", "kt_weight_path", "kt_non_expert_weight_path",
                "kt_cpu_activation",
            ]
        }
    }

    /// The engine that a key unknown to the table belongs to by its prefix.
    static func ofUnknownKey(_ name: String) -> ForeignEngine? {
        name.hasPrefix("kt_") ? .kTransformers : nil
    }
}
