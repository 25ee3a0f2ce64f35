import Foundation
import Support

/// Watches how long workers and Redis wait for a processor of this machine, as the kernel counts it. What it finds widens
/// the checker's bounds of time: that others kept the machine busy is no fault of the service.
struct StarvationMeter: Sendable {
    private static let everyMs = 500
    /// Waiting less of that is usual.
    private static let leastMs = 100

    let recorder: Recorder

    func watch(_ stage: Stage) async {
        var (before, lastMs): ([String: Int], RunMs) = ([:], recorder.nowMs)
        while !Task.isCancelled {
            let begunMs = recorder.nowMs
            var now: [String: Int] = [:]
            for pid in await pids(stage) { now.merge(Self.waitedMs(pid)) { $1 } }
            // Of the thread that waited most.
            let most = now.map { $0.value - (before[$0.key] ?? $0.value) }.max() ?? 0
            if most >= Self.leastMs {
                // This task, too, may have waited: the sample is of the time since the last one, however long that is.
                recorder.add(History.Stall(atMs: lastMs, lengthMs: min(most, recorder.nowMs - lastMs)))
            }
            (before, lastMs) = (now, begunMs)
            try? await Task.sleep(for: .milliseconds(Self.everyMs))
        }
    }

    private func pids(_ stage: Stage) async -> [String] {
        var pids = stage.workers.filter(\.child.isRunning).map { "\($0.child.pid)" }
        for server in stage.allServers { if let pid = await server.pid { pids.append("\(pid)") } }
        return pids
    }

    /// How long each of the process's threads has waited, by its path.
    private static func waitedMs(_ pid: String) -> [String: Int] {
        let folder = "/proc/\(pid)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let waited = threads.compactMap { thread -> (String, Int)? in
            let path = "\(folder)/\(thread)/schedstat"
            let words = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: " ") ?? []
            return words.count > 1 ? (path, (Int(words[1]) ?? 0) / 1_000_000) : nil
        }
        return Dictionary(waited) { $1 }
    }
}
