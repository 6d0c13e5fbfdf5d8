private import COneDNN
private import COpenBLAS

/// What kernels work with: memory, threads, and matrix products prepared for their shapes.
///
/// One step thread uses a workspace at a time.
package final class Workspace {
    package let pool: StoragePool
    package let threads: ThreadPool
    package let matrices: MatrixMultiplier

    /// Rows up to which inference multiplies each as it would be alone, to the last bit; more are multiplied
    /// by what is fastest for so many. Whoever writes many texts together may raise it meanwhile.
    package var independentRows = Workspace.fewRows

    /// Measures ops where it is set.
    package var clock: OpClock?

    /// - Parameters:
    ///   - threads: how many threads a kernel may use, the caller's included.
    ///   - space: where its memory lies.
    package init(threads: Int, space: any MemorySpace = HostMemory()) {
        // Both libraries would start threads of their own; ours divide the work instead.
        openblas_set_num_threads(1)
        onednn_use_calling_thread()
        pool = StoragePool(space: space)
        self.threads = ThreadPool(threads: threads)
        matrices = MatrixMultiplier(pool: pool, threads: self.threads)
    }

    deinit { threads.stop() }

    /// An uninitialised buffer of `count` elements.
    package func buffer(_ count: Int, _ type: ElementType) -> Buffer {
        Buffer(storage: pool.take(bytes: count * type.bytes), type: type)
    }

    /// A buffer of `count` zeros.
    package func zeros(_ count: Int, _ type: ElementType) -> Buffer {
        Buffer(storage: pool.takeZeros(bytes: count * type.bytes), type: type)
    }
}

/// What the processor and the libraries under the kernels are.
package struct MachineDescription: Sendable {
    package let openBLAS: String
    package let oneDNN: String
    package let instructionSet: String
    package let hasBFloat16Products: Bool

    package init() {
        openBLAS = String(cString: openblas_get_config())
        oneDNN = String(cString: onednn_version_text())
        instructionSet = String(cString: onednn_instruction_set())
        hasBFloat16Products = onednn_has_bfloat16()
    }
}
