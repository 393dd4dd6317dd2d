namespace NeuralPlugin.Samples;

/// <summary>Numbered places on the arena's plane, in cells, so that those near a position are found without a look at all of them. Once made, it allocates nothing.</summary>
internal sealed class PlaceGrid
{
    /// <summary>Added to each reach: a place just within it must not be in a cell that rounding leaves out.</summary>
    private const float Slack = 0.001f;

    private const int None = -1;

    private readonly ArenaWorld.Position[] places;
    private readonly int columns;
    private readonly int rows;
    private readonly int[] firstIn;    // of each cell; the others follow by next
    private readonly int[] next;
    private readonly int[] previous;
    private readonly int[] found;

    /// <param name="places">The places, which from now on change only by <see cref="Move"/>.</param>
    /// <param name="cellSize">The least size of a cell: best about the reach of most queries.</param>
    public PlaceGrid(ArenaWorld.Position[] places, float cellSize)
    {
        this.places = places;
        columns = Math.Max(1, (int)(ArenaWorld.Width / cellSize));
        rows = Math.Max(1, (int)(ArenaWorld.Height / cellSize));
        firstIn = new int[columns * rows];
        firstIn.AsSpan().Fill(None);
        (next, previous, found) = (new int[places.Length], new int[places.Length], new int[places.Length]);
        for (var place = 0; place < places.Length; place++) Insert(place);
    }

    /// <summary>Moves a place.</summary>
    public void Move(int place, ArenaWorld.Position to)
    {
        if (previous[place] == None) firstIn[CellOf(places[place])] = next[place];
        else next[previous[place]] = next[place];
        if (next[place] != None) previous[next[place]] = previous[place];
        places[place] = to;
        Insert(place);
    }

    /// <summary>The numbers of all places within a reach, and of some beyond it, in no particular order; valid until the next call.</summary>
    public ReadOnlySpan<int> Near(ArenaWorld.Position here, float reach)
    {
        var (left, width) = Range(here.X, reach, ArenaWorld.Width, columns);
        var (top, height) = Range(here.Y, reach, ArenaWorld.Height, rows);
        var count = 0;
        for (var y = 0; y < height; y++)
        {
            var row = (top + y) % rows * columns;
            for (var x = 0; x < width; x++)
            {
                for (var place = firstIn[row + ((left + x) % columns)]; place != None; place = next[place]) found[count++] = place;
            }
        }

        return found.AsSpan(0, count);
    }

    /// <summary>The cells along an axis that a reach touches: the first one and their number; each cell at most once, although the edges wrap.</summary>
    private static (int First, int Count) Range(float at, float reach, float size, int cells)
    {
        var first = (int)MathF.Floor((at - reach - Slack) / size * cells);
        var last = (int)MathF.Floor((at + reach + Slack) / size * cells);
        return last - first + 1 >= cells ? (0, cells) : ((first + cells) % cells, last - first + 1);
    }

    private void Insert(int place)
    {
        ref var first = ref firstIn[CellOf(places[place])];
        (next[place], previous[place]) = (first, None);
        if (first != None) previous[first] = place;
        first = place;
    }

    // Wrapping rounds a position just left of an edge to the edge itself, which is in the last cell.
    private int CellOf(ArenaWorld.Position place) => (CellOf(place.Y, ArenaWorld.Height, rows) * columns) + CellOf(place.X, ArenaWorld.Width, columns);

    private static int CellOf(float at, float size, int cells) => Math.Min((int)(at / size * cells), cells - 1);
}
