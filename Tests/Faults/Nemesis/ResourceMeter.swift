import Foundation
import Support
import Synchronization

/// Watches what workers and Redis take, to see that it does not grow.
final class ResourceMeter: Sendable {
    struct Sample: Codable, Sendable {
        var atMs: RunMs
        /// Of the worker that has most.
        var residentBytes: Int
        var descriptors: Int
        var redisBytes: Int
        var redisDescriptors: Int
    }

    /// What may come and go without anything being kept.
    private static let shareFree = 0.25
    private static let bytesFree = 24 << 20
    private static let descriptorsFree = 200

    private let samples = Mutex<[Sample]>([])

    func watch(_ stage: Stage) async {
        while !Task.isCancelled {
            if let sample = try? await sample(stage) { samples.withLock { $0.append(sample) } }
            try? await Task.sleep(for: .seconds(5))
        }
    }

    private func sample(_ stage: Stage) async throws -> Sample {
        let workers = stage.workers.filter(\.child.isRunning)
        let redisBytes = Int(try await stage.redis.info("used_memory") ?? "") ?? 0
        let clients = Int(try await stage.redis.info("connected_clients") ?? "") ?? 0
        return Sample(
            atMs: stage.recorder.nowMs, residentBytes: workers.compactMap { try? $0.memoryBytes }.max() ?? 0,
            descriptors: workers.compactMap { try? $0.descriptors }.max() ?? 0, redisBytes: redisBytes,
            redisDescriptors: clients)
    }

    /// What grew from the second quarter of the run to its last, as sentences.
    var growth: [String] {
        let all = samples.withLock { $0 }
        guard all.count >= 12 else { return [] }
        let early = Array(all[all.count / 4..<all.count / 2])
        let late = Array(all[all.count * 3 / 4..<all.count])
        func grown(_ what: String, _ value: (Sample) -> Int, _ free: Int) -> String? {
            let (before, after) = (Self.median(early.map(value)), Self.median(late.map(value)))
            let most = before + max(free, Int(Double(before) * Self.shareFree))
            return after > most ? "\(what) grew from \(before) to \(after)" : nil
        }
        return [
            grown("resident memory of a worker", \.residentBytes, Self.bytesFree),
            grown("descriptors of a worker", \.descriptors, Self.descriptorsFree),
            grown("memory of Redis", \.redisBytes, Self.bytesFree),
            grown("connections of Redis", \.redisDescriptors, Self.descriptorsFree),
        ].compactMap(\.self)
    }

    private static func median(_ values: [Int]) -> Int { values.sorted()[values.count / 2] }
}
