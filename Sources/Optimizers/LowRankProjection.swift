import Autograd
import Kernels

/// A matrix made smaller along one side: R = G Pᵀ or R = P G, with P (rank, that side).
package struct LowRankProjection: Sendable {
    /// Which side is made smaller; galore_torch's names.
    package enum Side: String, Sendable {
        /// The shorter one.
        case shorter = "std"
        /// The longer one.
        case longer = "reverse_std"
        case right, left
    }

    package var rank: Int
    package var side: Side
    /// Steps with the same P.
    package var interval: Int
    /// Of the random numbers.
    package var seed: UInt64

    /// Dimensions more than the rank, and iterations, with which singular vectors are sought; Halko et al.
    /// 2009, arXiv:0909.4061, section 4.
    private static let (oversampling, iterations) = (8, 2)
    /// A matrix is decomposed exactly where the sketch would not be much smaller: LAPACK takes about
    /// the same time then.
    private static let leastReduction = 4

    package init(rank: Int, side: Side, interval: Int, seed: UInt64) {
        self.rank = rank
        self.side = side
        self.interval = interval
        self.seed = seed
    }

    /// The extents of one parameter.
    struct Sizes {
        let rows, columns, rank: Int
        /// Whether the columns are made fewer.
        let isRight: Bool

        /// What P's rows are as long as.
        var reduced: Int { isRight ? columns : rows }
        /// What stays as it is.
        var kept: Int { isRight ? rows : columns }
        var shapeOfP: Shape { [rank, reduced] }
        var shapeOfR: Shape { isRight ? [rows, rank] : [rank, columns] }
        var countOfR: Int { kept * rank }
    }

    func sizes(of parameter: Parameter) -> Sizes {
        let (rows, columns) = (parameter.shape.extents[0], parameter.shape.extents[1])
        let isRight =
            switch side {
            case .shorter: rows >= columns
            case .longer: rows < columns
            case .right: true
            case .left: false
            }
        // More dimensions than there are would hold the same.
        return Sizes(
            rows: rows, columns: columns, rank: min(rank, rows, columns), isRight: isRight)
    }

    /// Whether P is made anew at a step, from 1.
    func isRenewed(at step: Int) -> Bool { (step - 1) % interval == 0 }

    /// P of N(0, 1/rank) for a step: the same whenever it is asked for.
    func random(_ parameter: Parameter, step: Int, in workspace: Workspace) -> Buffer {
        let sizes = sizes(of: parameter)
        let p = workspace.buffer(sizes.shapeOfP.count, .float32)
        let key = RandomStream.mixed(
            RandomStream.key(seed: seed, name: parameter.name + "#projection"),
            UInt64((step - 1) / interval))
        workspace.fillNormal(
            p, count: sizes.shapeOfP.count, deviation: 1 / Float(sizes.rank).squareRoot(), key: key)
        return p
    }

    /// Fills P with the first singular vectors of G, each with its largest number positive; `p` stays
    /// as it is where G has none.
    func fillSingularVectors(
        of g: Buffer, _ parameter: Parameter, step: Int, into p: Buffer, in workspace: Workspace
    ) {
        let sizes = sizes(of: parameter)
        let sketch = sizes.rank + Self.oversampling
        let isExact = sketch * Self.leastReduction > min(sizes.rows, sizes.columns)
        let key = RandomStream.mixed(
            RandomStream.key(seed: seed, name: parameter.name + "#sketch"), UInt64(step))
        guard
            let parts = workspace.truncatedSVD(
                g, rows: sizes.rows, columns: sizes.columns, rank: isExact ? sizes.rank : sketch,
                iterations: isExact ? nil : Self.iterations, key: key)
        else { return }
        let width = parts.values.count
        var vectors: [Float] = []
        for index in 0..<sizes.rank {
            let vector =
                sizes.isRight
                ? Array(parts.right[index * sizes.columns..<(index + 1) * sizes.columns])
                : (0..<sizes.rows).map { parts.left[$0 * width + index] }
            let largest = vector.max { abs($0) < abs($1) } ?? 0
            vectors += largest < 0 ? vector.map { -$0 } : vector
        }
        workspace.store(vectors, into: p)
    }

    /// R of G.
    func project(
        _ g: Buffer, by p: Buffer, _ sizes: Sizes, in workspace: Workspace
    ) -> Buffer {
        let r = workspace.buffer(sizes.countOfR, .float32)
        let product =
            sizes.isRight
            ? MatrixProduct(
                rows: sizes.rows, columns: sizes.rank, inner: sizes.columns, transposeB: true)
            : MatrixProduct(rows: sizes.rank, columns: sizes.columns, inner: sizes.rows)
        workspace.multiplyByTiles(
            product, sizes.isRight ? g : p, sizes.isRight ? p : g, into: r)
        return r
    }

    /// R P or Pᵀ R, of G's shape.
    func projectBack(
        _ r: Buffer, by p: Buffer, _ sizes: Sizes, in workspace: Workspace
    ) -> Buffer {
        let y = workspace.buffer(sizes.rows * sizes.columns, .float32)
        let product = MatrixProduct(
            rows: sizes.rows, columns: sizes.columns, inner: sizes.rank,
            transposeA: !sizes.isRight)
        workspace.multiplyByTiles(
            product, sizes.isRight ? r : p, sizes.isRight ? p : r, into: y)
        return y
    }
}
