import Foundation
import NIOPosix

extension Instruments {
    /// Has the process' own figures told. Only Linux tells them.
    package func watchProcess() {
        let startedAt = ProcessFigures.startedAt()
        // Looking blocks, and the longer the more files are open.
        whenAsked {
            (try? await NIOThreadPool.singleton.runIfActive { ProcessFigures.readings(startedAt: startedAt) }) ?? []
        }
    }
}

/// What `/proc` tells of this process.
private enum ProcessFigures {
    static func readings(startedAt: Double?) -> [Reading] {
        var readings: [Reading] = []
        if let stat = stat() {
            readings += [
                Reading(.virtualMemory, is: stat[Field.virtualBytes]),
                Reading(.residentMemory, is: stat[Field.residentPages] * Double(sysconf(Int32(_SC_PAGESIZE)))),
                Reading(.cpu, is: (stat[Field.userTicks] + stat[Field.systemTicks]) / ticksPerSecond),
            ]
        }
        if let openFiles { readings.append(Reading(.openFiles, is: openFiles)) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            readings.append(Reading(.maxFiles, is: Double(limit.rlim_cur)))
        }
        if let startedAt { readings.append(Reading(.startTime, is: startedAt)) }
        return readings
    }

    /// Counted without keeping their names: there is one for each socket.
    private static var openFiles: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var entries = 0
        while readdir(folder) != nil { entries += 1 }
        // "." and "..", and the file of the look itself.
        return entries - 3
    }

    /// Unix time in seconds.
    static func startedAt() -> Double? {
        guard let stat = stat(), let system = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
            let line = system.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let bootedAt = Double(line.dropFirst(6))
        else { return nil }
        return bootedAt + stat[Field.startTicks] / ticksPerSecond
    }

    /// Places of fields in `/proc/self/stat` behind the name of the program, which may hold blanks (proc(5)).
    private enum Field {
        static let userTicks = 11
        static let systemTicks = 12
        static let startTicks = 19
        static let virtualBytes = 20
        static let residentPages = 21
    }

    private static func stat() -> [Double]? {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let nameEnd = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[nameEnd...].dropFirst().split(separator: " ").map { Double($0) ?? 0 }
        return fields.count > Field.residentPages ? fields : nil
    }

    private static var ticksPerSecond: Double { Double(sysconf(Int32(_SC_CLK_TCK))) }
}
