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
            let weight = workspace.numbers(module.weight)
            let key = RandomStream.key(seed: seed, name: target.nameOfA + "#pissa")
            let parts = try workspace.truncatedSVD(
                weight, rows: rows, columns: columns, rank: target.rank, iterations: iterations,
                key: key, of: module.weight.name)
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

extension Workspace {
    /// The largest singular values of a matrix (rows, columns) and their vectors: left (rows,
    /// rank), right (rank, columns).
    ///
    /// - Parameter iterations: of the randomized method; `nil` for an exact decomposition.
    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)`` where it does not converge,
    ///   which only happens to numbers that are not finite.
    func truncatedSVD(
        _ matrix: [Float], rows: Int, columns: Int, rank: Int, iterations: Int?, key: UInt64,
        of name: String
    ) throws(FinetuningError) -> (left: [Float], values: [Float], right: [Float]) {
        guard let iterations else {
            let whole = try decomposed(matrix, rows: rows, columns: columns, of: name)
            let count = min(rows, columns)
            var left: [Float] = []
            for row in 0..<rows { left += whole.left[row * count..<row * count + rank] }
            return (
                left, Array(whole.values.prefix(rank)),
                Array(whole.right.prefix(rank * columns))
            )
        }
        let w = tensor([rows, columns], matrix).buffer
        let start = buffer(rank * columns, .float32)
        fillNormal(start, count: rank * columns, deviation: 1, key: key)
        // Bases are kept as rows: Q (rank, rows), P (rank, columns).
        var q = basis(of: start, times: w, rank: rank, rows: rows, columns: columns, back: true)
        for _ in 0..<iterations {
            let p = basis(of: q, times: w, rank: rank, rows: rows, columns: columns, back: false)
            q = basis(of: p, times: w, rank: rank, rows: rows, columns: columns, back: true)
        }
        let small = buffer(rank * columns, .float32)
        matrices.multiply(
            MatrixProduct(rows: rank, columns: columns, inner: rows), q, w, into: small)
        let parts = try decomposed(
            numbers(small, count: rank * columns), rows: rank, columns: columns, of: name)
        let left = buffer(rows * rank, .float32)
        matrices.multiply(
            MatrixProduct(rows: rows, columns: rank, inner: rank, transposeA: true), q,
            tensor([rank, rank], parts.left).buffer, into: left)
        return (numbers(left, count: rows * rank), parts.values, parts.right)
    }

    /// An orthonormal basis of the rows of x Wᵀ (`back`), or of x W.
    private func basis(
        of x: Buffer, times w: Buffer, rank: Int, rows: Int, columns: Int, back: Bool
    ) -> Buffer {
        let width = back ? rows : columns
        let product = buffer(rank * width, .float32)
        matrices.multiply(
            MatrixProduct(
                rows: rank, columns: width, inner: back ? columns : rows, transposeB: back), x, w,
            into: product)
        return tensor([rank, width], numbers(product, count: rank * width).orthonormalRows(width))
            .buffer
    }

    private func decomposed(
        _ matrix: [Float], rows: Int, columns: Int, of name: String
    ) throws(FinetuningError) -> (left: [Float], values: [Float], right: [Float]) {
        guard let parts = singularValueDecomposition(matrix, rows: rows, columns: columns) else {
            throw .invalid(
                setting: "pissa_init", found: "\(name) without singular values",
                expected: "finite weights")
        }
        return parts
    }
}

extension [Float] {
    /// The rows of a matrix made orthonormal, twice by modified Gram-Schmidt; a row that depends
    /// on earlier ones becomes zero.
    fileprivate func orthonormalRows(_ width: Int) -> [Float] {
        var x = map(Double.init)
        let rows = width == 0 ? 0 : count / width
        for row in 0..<rows {
            let place = row * width
            let before = (place..<place + width).reduce(0.0) { $0 + x[$1] * x[$1] }
            for _ in 0..<2 {
                for other in 0..<row {
                    var dot = 0.0
                    for i in 0..<width { dot += x[place + i] * x[other * width + i] }
                    for i in 0..<width { x[place + i] -= dot * x[other * width + i] }
                }
            }
            let square = (place..<place + width).reduce(0.0) { $0 + x[$1] * x[$1] }
            let factor = square > before * 1e-12 ? 1 / square.squareRoot() : 0
            for i in place..<place + width { x[i] *= factor }
        }
        return x.map(Float.init)
    }

    /// (R, width) → (width, R).
    fileprivate func rowsAsColumns(_ width: Int) -> [Float] {
        let rows = width == 0 ? 0 : count / width
        return (0..<count).map { self[$0 % rows * width + $0 / rows] }
    }

    /// (n, R) → (R, n).
    fileprivate func columnsAsRows(_ rank: Int) -> [Float] { rowsAsColumns(rank) }
}
