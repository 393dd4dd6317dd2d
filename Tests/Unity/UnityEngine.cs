using System;
using System.Reflection;

// The parts of Unity's types that Samples/Unity uses, so that the sample compiles and runs without Unity: names and signatures are
// Unity's; the implementations are the minimum that a test needs.
namespace UnityEngine
{
    [AttributeUsage(AttributeTargets.Field)]
    public sealed class SerializeField : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string tooltip)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class DefaultExecutionOrder : Attribute
    {
        public DefaultExecutionOrder(int order)
        {
        }
    }

    public struct Vector3
    {
        public float x, y, z;

        public Vector3(float x, float y, float z)
        {
            (this.x, this.y, this.z) = (x, y, z);
        }

        public float magnitude
        {
            get { return MathF.Sqrt(x * x + y * y + z * z); }
        }

        public static Vector3 operator +(Vector3 a, Vector3 b)
        {
            return new Vector3(a.x + b.x, a.y + b.y, a.z + b.z);
        }

        public static Vector3 operator -(Vector3 a, Vector3 b)
        {
            return new Vector3(a.x - b.x, a.y - b.y, a.z - b.z);
        }
    }

    public class Transform
    {
        public Vector3 localPosition { get; set; }
    }

    public static class Debug
    {
        public static void LogError(object message)
        {
            throw new InvalidOperationException(message.ToString());
        }
    }

    public class MonoBehaviour
    {
        public string name { get; set; } = "object";

        public Transform transform { get; } = new Transform();

        /// <summary>Not Unity's: its parent in the scene.</summary>
        public MonoBehaviour Parent { get; set; }

        public T GetComponentInParent<T>() where T : class
        {
            for (MonoBehaviour at = this; at != null; at = at.Parent)
            {
                if (at is T found) return found;
            }

            return null;
        }

        /// <summary>Not Unity's: calls the method that the engine would call, if the component has it.</summary>
        public void Send(string message)
        {
            for (Type type = GetType(); type != null; type = type.BaseType)
            {
                MethodInfo method = type.GetMethod(message, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly);
                if (method == null) continue;
                method.Invoke(this, null);
                return;
            }
        }
    }
}
