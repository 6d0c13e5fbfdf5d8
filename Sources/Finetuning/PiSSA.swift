import Kernels

extension LoRA {
    func initializeByPiSSA(iterations: Int?, seed: UInt64, in workspace: Workspace)
        throws(FinetuningError)
    {}
    func converted(_ f: LowRankFactors, _ t: LoRAPlan.Target) -> LowRankFactors { f }
}
extension LoRAConfiguration { var convertedFromPiSSA: LoRAConfiguration { self } }
