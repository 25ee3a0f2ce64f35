extension Collection<String> {
    /// The name somebody who wrote this may have meant; nil if none is close enough.
    func nearest(to name: String) -> String? {
        let allowed = Swift.min(2, Swift.max(1, name.count / 5))
        return map { (name: $0, edits: name.edits(to: $0)) }.filter { $0.edits <= allowed }
            .min { $0.edits < $1.edits }?.name
    }
}

extension String {
    /// How many letters must be added, left out, replaced, or swapped with their neighbour.
    fileprivate func edits(to other: String) -> Int {
        let (from, to) = (Array(utf8), Array(other.utf8))
        guard abs(from.count - to.count) <= 2 else { return .max }
        var beforeLast: [Int] = []
        var last = Array(0...to.count)
        for row in from.indices {
            var current = [row + 1]
            for column in to.indices {
                let replaced = last[column] + (from[row] == to[column] ? 0 : 1)
                var least = Swift.min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, from[row] == to[column - 1], from[row - 1] == to[column] {
                    least = Swift.min(least, beforeLast[column - 1] + 1)
                }
                current.append(least)
            }
            (beforeLast, last) = (last, current)
        }
        return last[to.count]
    }
}
