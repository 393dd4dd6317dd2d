using System.Net;
using System.Net.Sockets;

namespace NeuralPlugin.Cluster;

/// <summary>Unused ports, for programs that need no specific one.</summary>
internal static class FreePort
{
    public static int Next()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
