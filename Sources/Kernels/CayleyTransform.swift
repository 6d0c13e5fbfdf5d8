extension Workspace {
    /// (I + S)⁻¹ of the skew part S = (a − aᵀ)/2 of each block; a and the result (blocks, n, n) float32.
    ///
    /// Computed in double precision. The symmetric part of I + S is I, so that elimination needs no
    /// exchange of rows.
    package func inverseOfSkewSum(_ form: BlockMatrices, _ a: Buffer, into inverse: Buffer) {
        let (n, area) = (form.size, form.size * form.size)
        threads.divide(form.blocks, atLeast: max(1, 16_384 / max(area * n, 1))) { range, _ in
            var left = [Double](repeating: 0, count: area)
            var right = left
            for block in range {
                let from = a.floats + block * area
                for row in 0..<n {
                    for column in 0..<n {
                        let (one, other) = (from[row * n + column], from[column * n + row])
                        let unit = row == column ? 1.0 : 0
                        left[row * n + column] = (Double(one) - Double(other)) / 2 + unit
                        right[row * n + column] = unit
                    }
                }
                Self.eliminate(&left, &right, n)
                let to = inverse.floats + block * area
                for index in 0..<area { to[index] = Float(right[index]) }
            }
        }
    }

    /// Gauss and Jordan: right ← left⁻¹ right, (n, n) each; left becomes I.
    private static func eliminate(_ left: inout [Double], _ right: inout [Double], _ n: Int) {
        for pivot in 0..<n {
            let factor = 1 / left[pivot * n + pivot]
            for column in 0..<n {
                left[pivot * n + column] *= factor
                right[pivot * n + column] *= factor
            }
            for row in 0..<n where row != pivot {
                let share = left[row * n + pivot]
                guard share != 0 else { continue }
                for column in 0..<n {
                    left[row * n + column] -= share * left[pivot * n + column]
                    right[row * n + column] -= share * right[pivot * n + column]
                }
            }
        }
    }

    /// y += factor · (x − xᵀ) for each block, (blocks, n, n) float32.
    package func addSkewPart(
        _ form: BlockMatrices, of x: Buffer, times factor: Float, to y: Buffer
    ) {
        let n = form.size
        for block in 0..<form.blocks {
            let (from, to) = (x.floats + block * n * n, y.floats + block * n * n)
            for row in 0..<n {
                for column in 0..<n {
                    to[row * n + column] +=
                        factor * (from[row * n + column] - from[column * n + row])
                }
            }
        }
    }
}
