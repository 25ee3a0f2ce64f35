import ArgumentParser

/// Which part of the clients runs on which platform: `Web=50,Android=30`.
struct PlatformMix: ExpressibleByArgument, CustomStringConvertible {
    private let parts: [(platform: String, weight: Int)]
    private let total: Int

    static let standard = PlatformMix([("Web", 50), ("Android", 30), ("Windows", 20)])

    var description: String { parts.map { "\($0.platform)=\($0.weight)" }.joined(separator: ",") }

    private init(_ parts: [(platform: String, weight: Int)]) {
        self.parts = parts
        total = parts.reduce(0) { $0 + $1.weight }
    }

    init?(argument: String) {
        var parts: [(platform: String, weight: Int)] = []
        for item in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = item.split(separator: "=", omittingEmptySubsequences: false)
            guard halves.count == 2, !halves[0].isEmpty, let weight = Int(halves[1]), (1...Self.weightMax) ~= weight
            else { return nil }
            parts.append((String(halves[0]), weight))
        }
        self.init(parts)
    }

    /// The platform of a client. Steps of the golden ratio mix any first few clients in the right proportion.
    subscript(client: Int) -> String {
        var point = (Double(client) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1) * Double(total)
        for (platform, weight) in parts {
            point -= Double(weight)
            if point < 0 { return platform }
        }
        return parts[0].platform
    }

    private static let weightMax = 1_000_000
}
