package import Kernels

/// The factors of a butterfly: rotations of blocks of columns, each factor of columns in another order.
package struct Butterfly {
    /// Blocks of one factor.
    package let form: BlockMatrices
    package let factors: Int

    /// - Parameters:
    ///   - form: of one factor; with several factors the number of blocks is a multiple of
    ///     2^(factors − 1) and their size even.
    package init(_ form: BlockMatrices, factors: Int) {
        let reach = 1 << (factors - 1)
        precondition(
            factors == 1 || (form.blocks % reach == 0 && form.size % 2 == 0),
            "butterfly: \(factors) factors of \(form.blocks) blocks of \(form.size) columns")
        self.form = form
        self.factors = factors
    }

    /// All factors' blocks.
    package var all: BlockMatrices {
        BlockMatrices(blocks: factors * form.blocks, size: form.size)
    }

    package var width: Int { form.blocks * form.size }

    /// Where the columns of x come to lie for factor `index`: in each 2^index blocks the first half of them
    /// at the even places of half blocks, the rest at the odd ones.
    ///
    /// Source: `block_butterfly_perm` of PEFT 0.21.
    func order(_ index: Int) -> [RowPiece] {
        let half = form.size / 2
        let reach = form.size << index
        guard factors > 1, index > 0 else { return [] }
        let steps = reach / half
        let places = Array(stride(from: 0, to: steps, by: 2)) + stride(from: 1, to: steps, by: 2)
        return stride(from: 0, to: width, by: reach).flatMap { start in
            places.enumerated().map { place, source in
                RowPiece(
                    from: start + place * half, to: start + source * half, count: half)
            }
        }
    }
}

/// y = x B with B = Bₙ … B₁ and each factor B = P D Pᵀ, D of blocks (I − S)(I + S)⁻¹, S = (R − Rᵀ)/2.
///
/// x and y (…, width) of one type; products in float32. With M = (I + S)⁻¹ a block is 2M − I, and the
/// gradient of S is −2 Mᵀ G Mᵀ where the block's is G.
/// Source: Liu et al. 2023, arXiv:2311.06243, eq. 6, in the order of PEFT 0.21.
struct ButterflyRotationOp: DifferentiableOp {
    let matrices: Parameter  // (factors · blocks · n · n), R
    let butterfly: Butterfly

    struct Saved {
        let input: KeptTensor  // (…, width)
        let type: ElementType
    }

    var parameters: [Parameter] { [matrices] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        precondition(
            x.shape.width == butterfly.width && matrices.count == butterfly.all.count,
            "butterfly \(matrices.name) \(matrices.shape): x \(x.shape)")
        let workspace = pass.workspace
        let rotations = workspace.rotations(butterfly, matrices.floatValue)
        let y = workspace.rotated(workspace.float32(x), butterfly, by: rotations)
        return (workspace.converted(y, to: x.type), Saved(input: KeptTensor(x), type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let form = butterfly.form
        let inverses = workspace.buffer(butterfly.all.count, .float32)
        workspace.inverseOfSkewSum(butterfly.all, matrices.floatValue, into: inverses)
        let rotations = workspace.rotations(butterfly, inverses: inverses)
        // What each factor has multiplied, columns in its order.
        var operands: [Tensor] = []
        if matrices.gradient != nil {
            var x = workspace.float32(saved.input.value(in: workspace))
            for index in (0..<butterfly.factors).reversed() {
                let ordered = workspace.ordered(x, butterfly.order(index))
                operands.append(ordered)
                guard index > 0 else { break }
                x = workspace.ordered(
                    workspace.rotated(ordered, butterfly, index, by: rotations),
                    butterfly.order(index).map(\.reversed))
            }
        }
        let dRotations = workspace.buffer(butterfly.all.count, .float32)
        var dy = workspace.float32(outputGradient)
        for index in 0..<butterfly.factors {
            let ordered = workspace.ordered(dy, butterfly.order(index))
            if matrices.gradient != nil {
                workspace.rotationGradient(
                    form, operands[butterfly.factors - 1 - index].buffer, ordered.buffer,
                    into: dRotations.advanced(by: index * form.count), rows: ordered.shape.rows)
            }
            dy = workspace.ordered(
                workspace.rotated(ordered, butterfly, index, by: rotations, transposed: true),
                butterfly.order(index).map(\.reversed))
        }
        if let gradient = matrices.gradient {
            let (all, first) = (butterfly.all, workspace.buffer(butterfly.all.count, .float32))
            workspace.multiply(all, inverses, dRotations, into: first, transposeA: true)
            workspace.multiply(all, first, inverses, into: dRotations, transposeB: true)
            workspace.addSkewPart(all, of: dRotations, times: -1, to: gradient)
        }
        gradients.add(workspace.converted(dy, to: saved.type), to: 0, in: workspace)
    }
}

extension Workspace {
    /// The factors' blocks of R, (factors, blocks, n, n) float32.
    package func rotations(_ butterfly: Butterfly, _ matrices: Buffer) -> Buffer {
        let inverses = buffer(butterfly.all.count, .float32)
        inverseOfSkewSum(butterfly.all, matrices, into: inverses)
        return rotations(butterfly, inverses: inverses)
    }

    fileprivate func rotations(_ butterfly: Butterfly, inverses: Buffer) -> Buffer {
        let rotations = buffer(butterfly.all.count, .float32)
        convert(inverses, to: rotations, count: butterfly.all.count)
        scale(rotations, by: 2, count: butterfly.all.count)
        addDiagonal(butterfly.all, -1, to: rotations)
        return rotations
    }

    /// x B, or x Bᵀ; x (…, width) float32.
    package func rotated(
        _ x: Tensor, _ butterfly: Butterfly, by rotations: Buffer, transposed: Bool = false
    ) -> Tensor {
        let indices = Array(0..<butterfly.factors)
        return (transposed ? indices : indices.reversed()).reduce(x) { x, index in
            let order = butterfly.order(index)
            return ordered(
                rotated(ordered(x, order), butterfly, index, by: rotations, transposed: transposed),
                order.map(\.reversed))
        }
    }

    /// x D of one factor, or x Dᵀ.
    fileprivate func rotated(
        _ x: Tensor, _ butterfly: Butterfly, _ index: Int, by rotations: Buffer,
        transposed: Bool = false
    ) -> Tensor {
        let y = tensor(x.shape, .float32)
        rotate(
            butterfly.form, x.buffer,
            by: rotations.advanced(by: index * butterfly.form.count), into: y.buffer,
            rows: x.shape.rows, transposed: transposed)
        return y
    }

    /// x with its columns moved; x itself where none moves.
    fileprivate func ordered(_ x: Tensor, _ pieces: [RowPiece]) -> Tensor {
        guard !pieces.isEmpty else { return x }
        let y = tensor(x.shape, .float32)
        movePieces(pieces, of: x.buffer, into: y.buffer, rows: x.shape.rows, width: x.shape.width)
        return y
    }
}

extension ForwardPass {
    /// x (…, width) rotated by a butterfly's factors; the same shape and type.
    ///
    /// - Parameter matrices: (factors · blocks · n · n), whose skew parts count.
    package func rotateColumns(
        _ x: Tensor, by matrices: Parameter, _ butterfly: Butterfly
    ) -> Tensor {
        apply(ButterflyRotationOp(matrices: matrices, butterfly: butterfly), to: [x])
    }
}
