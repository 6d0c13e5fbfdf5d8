import Autograd
import Kernels

extension LoRA {
    /// Factors of the largest singular values; the base keeps the rest: W = (W − s·BA) + s·BA.
    ///
    /// Source: Meng et al. 2024, arXiv:2404.02948, eq. 2 to 4; with `iterations`, the randomized
    /// method of Halko et al. 2009, arXiv:0909.4061, algorithm 4.4, as torch.svd_lowrank has it.
    func initializeByPiSSA(
        iterations: Int?, seed: UInt64, in workspace: Workspace
    ) throws(FinetuningError) {
        for (target, layer) in zip(plan.targets, layers) {
            let module = target.module
            guard module.weight.quantized == nil else {
                throw .quantized(parameter: module.weight.name)
            }
            // Where weights lie (in, out), the stored matrix is the transpose of W.
            let isTransposed = module.isInputsByOutputs
            let (rows, columns) =
                isTransposed ? (module.inputs, module.outputs) : (module.outputs, module.inputs)
            guard target.rank <= min(rows, columns) else {
                throw .invalid(
                    setting: "lora_rank", found: "\(target.rank)",
                    expected: "at most \(min(rows, columns)) for PiSSA on \(target.path)")
            }
            let weight = workspace.buffer(rows * columns, .float32)
            workspace.copy(module.weight, into: weight)
            let key = RandomStream.key(seed: seed, name: target.nameOfA + "#pissa")
            guard
                let parts = workspace.truncatedSVD(
                    weight, rows: rows, columns: columns, rank: target.rank,
                    iterations: iterations, key: key)
            else {
                throw .invalid(
                    setting: "pissa_init",
                    found: "\(module.weight.name) without singular values",
                    expected: "finite weights")
            }
            let roots = parts.values.map { max($0 / target.scale, 0).squareRoot() }
            let left = isTransposed ? parts.right.rowsAsColumns(columns) : parts.left
            let right = isTransposed ? parts.left.columnsAsRows(target.rank) : parts.right
            var b = left  // (out, R)
            for index in b.indices { b[index] *= roots[index % target.rank] }
            var a = right  // (R, in)
            for index in a.indices { a[index] *= roots[index / module.inputs] }
            workspace.assign(a, to: layer.a)
            workspace.assign(b, to: layer.b)
            let factors = LowRankFactors(
                a: a, b: b, magnitude: nil, rank: target.rank, scale: target.scale)
            firstFactors[target.nameOfA] = factors
            var negative = factors
            negative.scale = -target.scale
            negative.merge(into: module, in: workspace)
        }
    }

    /// The factors as a file holds them: for PiSSA the change since the start, as a plain LoRA of
    /// twice the rank on the untouched base, B A − B₀ A₀ = [B, −B₀] [A; A₀].
    func converted(_ factors: LowRankFactors, _ target: LoRAPlan.Target) -> LowRankFactors {
        guard let first = firstFactors[target.nameOfA] else { return factors }
        let rank = factors.rank
        var b: [Float] = []
        b.reserveCapacity(2 * factors.b.count)
        for row in stride(from: 0, to: factors.b.count, by: rank) {
            b += factors.b[row..<row + rank]
            b += first.b[row..<row + rank].map { -$0 }
        }
        return LowRankFactors(
            a: factors.a + first.a, b: b, magnitude: nil, rank: 2 * rank, scale: factors.scale)
    }
}

extension LoRAConfiguration {
    /// What describes the converted factors: twice the rank, at the same scale.
    var convertedFromPiSSA: LoRAConfiguration {
        var copy = self
        let factor: Float = isRankStabilized ? Float(2).squareRoot() : 2
        copy.rank = 2 * rank
        copy.alpha = factor * resolvedAlpha
        copy.rankPattern = rankPattern.mapValues { 2 * $0 }
        copy.alphaPattern = alphaPattern.mapValues { factor * $0 }
        copy.initialization = .uniform
        return copy
    }
}

extension [Float] {
    /// (R, width) → (width, R).
    fileprivate func rowsAsColumns(_ width: Int) -> [Float] {
        let rows = width == 0 ? 0 : count / width
        return (0..<count).map { self[$0 % rows * width + $0 / rows] }
    }

    /// (n, R) → (R, n).
    fileprivate func columnsAsRows(_ rank: Int) -> [Float] { rowsAsColumns(rank) }
}
